"""WeChat's encryption of messages, as "消息加解密说明" (Message Encryption and Decryption) describes it.

AES-256 in CBC mode, padded to 32 bytes as in PKCS #7; inside are 16 random bytes, the length of the message in
4 bytes of network order, the message, and the AppID that it was meant for.
"""

import base64
import binascii
import re

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from privacy.errors import MangroveError
from services.adapters.webhooks.delivery import PayloadMalformed, SignatureInvalid
from services.adapters.webhooks.signatures import same

_ENCODING_AES_KEY = re.compile("[A-Za-z0-9]{43}")
_BLOCK_BITS = 256
_RANDOM, _LENGTH = 16, 4


class AesKeyInvalid(MangroveError):
    """A configured key cannot be an EncodingAESKey."""

    reason = "AES_KEY_INVALID"

    def __init__(self) -> None:
        super().__init__(
            "WeChat's EncodingAESKey has 43 letters and digits. Copy it again from the account's settings."
        )


class MessageCipher:
    """Decrypts an account's messages.

    Args:
        encoding_aes_key: The account's EncodingAESKey.
        app_id: The account's AppID: messages that are meant for another are refused.

    Raises:
        AesKeyInvalid: if the key has not the form of one.
    """

    def __init__(self, encoding_aes_key: str, app_id: str) -> None:
        if not _ENCODING_AES_KEY.fullmatch(encoding_aes_key):
            raise AesKeyInvalid
        self._key = base64.b64decode(encoding_aes_key + "=")
        self._app_id = app_id

    def decrypt(self, encrypted: str) -> bytes:
        """Return the message in what an Encrypt element holds.

        Raises:
            PayloadMalformed: if it is not such a message.
            SignatureInvalid: if it is meant for another account.
        """
        try:
            padded = self._decrypted(base64.b64decode(encrypted, validate=True))
            unpadder = PKCS7(_BLOCK_BITS).unpadder()
            plain = unpadder.update(padded) + unpadder.finalize()
        except (binascii.Error, ValueError):
            raise PayloadMalformed from None
        length = int.from_bytes(plain[_RANDOM : _RANDOM + _LENGTH], "big")
        message, app_id = plain[_RANDOM + _LENGTH :][:length], plain[_RANDOM + _LENGTH :][length:]
        if not same(app_id.decode(errors="replace"), self._app_id):  # nor is it there when the length is too large
            raise SignatureInvalid
        return message

    def _decrypted(self, encrypted: bytes) -> bytes:
        decryptor = Cipher(AES(self._key), CBC(self._key[:16])).decryptor()
        return decryptor.update(encrypted) + decryptor.finalize()
