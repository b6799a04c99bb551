# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the documentation of modules shares that speak MLflow's REST API."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  tracking_uri:
    description:
      - Address of the server, with its static prefix and without a password, such as C(https://mlflow.example.com).
      - Without it, the environment variable E(MLFLOW_TRACKING_URI) where the module runs, as with MLflow's own client.
        It is the same with the options below that name one.
    type: str
    required: true
  username:
    description: User to log in as, or E(MLFLOW_TRACKING_USERNAME). With O(password) it goes before O(token), as with MLflow's client.
    type: str
  password:
    description: Password of O(username), or E(MLFLOW_TRACKING_PASSWORD).
    type: str
  token:
    description: Token to log in with (C(Authorization) of type Bearer), or E(MLFLOW_TRACKING_TOKEN).
    type: str
  ca_file:
    description: PEM file that the server's certificate is verified with, or E(MLFLOW_TRACKING_SERVER_CERT_PATH). Without it, what the host trusts.
    type: path
  validate_certs:
    description: Whether the server's certificate is verified at all.
    type: bool
    default: true
  timeout:
    description: Seconds to wait for each answer, or E(MLFLOW_HTTP_REQUEST_TIMEOUT).
    type: int
    default: 60
  workspace:
    description: Workspace that the call is about, or E(MLFLOW_WORKSPACE), on a server that has them. Without it, the server's default workspace.
    type: str
attributes:
  action_group:
    description: The options of the connection can be given once, in C(module_defaults), for C(group/mlops.mlflow.mlflow).
    support: full
    membership:
      - mlops.mlflow.mlflow
"""

    WRITES = r"""
options: {}
attributes:
  check_mode:
    description:
      - Reads from the server and tells what would change.
      - What an earlier task of the same run would have made is not there yet, which is a warning and no error.
    support: full
  diff_mode:
    description: Shows what the server has before and after. No password is part of it.
    support: full
"""

    TAGS = r"""
options:
  tags:
    description:
      - Tags and their values. Others are left alone unless O(purge_tags) is set; one with the value V(null) is removed.
      - MLflow keeps text. V(true) and V(false) are written in lower case, numbers as they are, lists and dictionaries as JSON.
    type: dict
    default: {}
  purge_tags:
    description: Whether tags that are not in O(tags) are removed. Those that begin with C(mlflow.) are MLflow's own and stay.
    type: bool
    default: false
"""

    LOOKUP = r"""
options:
  tracking_uri:
    description: Address of the server, with its static prefix and without a password, such as C(https://mlflow.example.com).
    type: str
    required: true
    env:
      - name: MLFLOW_TRACKING_URI
  username:
    description: User to log in as. With O(password) it goes before O(token), as with MLflow's client.
    type: str
    env:
      - name: MLFLOW_TRACKING_USERNAME
  password:
    description: Password of O(username).
    type: str
    env:
      - name: MLFLOW_TRACKING_PASSWORD
  token:
    description: Token to log in with (C(Authorization) of type Bearer).
    type: str
    env:
      - name: MLFLOW_TRACKING_TOKEN
  ca_file:
    description: PEM file that the server's certificate is verified with. Without it, what the controller trusts.
    type: path
    env:
      - name: MLFLOW_TRACKING_SERVER_CERT_PATH
  validate_certs:
    description: Whether the server's certificate is verified at all.
    type: bool
    default: true
  timeout:
    description: Seconds to wait for each answer.
    type: int
    default: 60
    env:
      - name: MLFLOW_HTTP_REQUEST_TIMEOUT
  workspace:
    description: Workspace that the model is in, on a server that has them. Without it, the server's default workspace.
    type: str
    env:
      - name: MLFLOW_WORKSPACE
"""
