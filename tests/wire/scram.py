"""SCRAM-SHA-256 [RFC 5802, RFC 7677], both what a server keeps and what a client says."""

import base64
import hashlib
import hmac
import os


def _hmac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def _coded(raw):
    return base64.b64encode(raw).decode()


def verifier_line(user, password, iterations=4096):
    """user:SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey"""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    server = _hmac(salted, b"Server Key")
    return f"{user}:SCRAM-SHA-256${iterations}:{_coded(salt)}${_coded(stored)}:{_coded(server)}\n"


class ScramClient:
    """first() goes into CONNECT, final(challenge) into AUTH, verify() checks the server's proof."""

    method = "SCRAM-SHA-256"

    def __init__(self, user, password):
        self.user, self.password = user, password
        self.nonce = _coded(os.urandom(18))

    def first(self):
        self.first_bare = f"n={self.user},r={self.nonce}"
        return f"n,,{self.first_bare}".encode()

    def final(self, challenge):
        parts = dict(part.split("=", 1) for part in challenge.decode().split(","))
        assert parts["r"].startswith(self.nonce)
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(),
                                     base64.b64decode(parts["s"]), int(parts["i"]))
        client_key = _hmac(salted, b"Client Key")
        without_proof = f"c={_coded(b'n,,')},r={parts['r']}"
        message = f"{self.first_bare},{challenge.decode()},{without_proof}".encode()
        signature = _hmac(hashlib.sha256(client_key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.expected = _coded(_hmac(_hmac(salted, b"Server Key"), message))
        return f"{without_proof},p={_coded(proof)}".encode()

    def verify(self, said):
        assert said == f"v={self.expected}".encode()
