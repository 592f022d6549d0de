"""What can go wrong, as a tree; every message says what, where and what to do.

VigieError
├── SettingsError        a setting is unknown, missing or out of range
├── CommandError         a command was asked for something that cannot be
├── StoreError           the disk or the database refused
├── CaptureError         a camera or file gives no packets          (retry helps)
├── LinkError            the hub or nats-server cannot be reached    (retry helps)
├── WireError            a message from the other side breaks its contract
│   └── SignatureError   it is not signed by whom it claims
├── ModelError           a model is missing, altered or not on the list
└── TransferError        a pull broke off                            (retry helps)
    └── DigestError      the bytes are not those that were promised
"""


class VigieError(Exception):
    """Base of all errors that an operator may read; `retryable` says whether trying again helps."""

    retryable = False


class SettingsError(VigieError):
    """A setting is unknown, missing or out of range."""


class CommandError(VigieError):
    """A command was asked for something that cannot be."""


class StoreError(VigieError):
    """The disk or the database refused."""


class CaptureError(VigieError):
    """A camera or file gives no packets."""

    retryable = True


class LinkError(VigieError):
    """The hub or nats-server cannot be reached."""

    retryable = True


class WireError(VigieError):
    """A message from the other side breaks its contract."""


class SignatureError(WireError):
    """A message is not signed by whom it claims."""


class ModelError(VigieError):
    """A model is missing, altered or not on the list."""


class TransferError(VigieError):
    """A pull broke off."""

    retryable = True


class DigestError(TransferError):
    """The bytes are not those that were promised."""
