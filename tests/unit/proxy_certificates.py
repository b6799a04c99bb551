"""A CA with certificates that are good, and with some that no proxy should be given; and a port that somebody has taken."""

from __future__ import annotations

import datetime
import socket

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM
DAY = datetime.timedelta(days=1)


class Authority:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.key, self.other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.now = datetime.datetime.now(datetime.timezone.utc)
        self.write_key("good.key", self.key)
        self.write_key("other.key", self.other)
        self.write_key("encrypted.key", self.key, serialization.BestAvailableEncryption(b"hush"))
        self.write("good.crt", "mlflow.example.com", -1, 30)
        self.write("wildcard.crt", "*.example.com", -1, 30)
        self.write("expired.crt", "mlflow.example.com", -30, -1)
        self.write("early.crt", "mlflow.example.com", 1, 30)
        self.write("elsewhere.crt", "elsewhere.example.org", -1, 30)

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        return self

    def __exit__(self, *_about):
        self.listener.close()

    def write_key(self, name, key, encryption=None):
        encryption = encryption or serialization.NoEncryption()
        (self.folder / name).write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption))

    def write(self, name, dns, begin, end):
        """A certificate for a DNS name, good from begin to end, in days from now."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, dns)])
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(self.key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(self.now + begin * DAY).not_valid_after(self.now + end * DAY)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(dns)]), critical=False).sign(self.other, hashes.SHA256())
        (self.folder / name).write_bytes(made.public_bytes(PEM))
