# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the documentation of modules shares that speak to an S3 store."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  endpoint:
    description: URL of the store, with its port and without a path. The certificate has to be for its name or address.
    type: str
    required: true
  address:
    description: Address to connect to, where it is another than that of O(endpoint), so that nothing depends on DNS.
    type: str
  region:
    description: Region that requests are signed for.
    type: str
    default: us-east-1
  ca_file:
    description: PEM file on the host that the store is verified with. Without it, what the host trusts.
    type: str
  fingerprint:
    description: SHA-256 of the certificate in DER form that the store has to serve, in place of O(ca_file).
    type: str
  bucket:
    description: Name of the bucket.
    type: str
    required: true
  timeout:
    description: Seconds to wait for each answer.
    type: int
    default: 30
"""
