"""What is wrong with a device."""


class DeviceError(Exception):
    """A device that is missing or cannot run this; the message says which, why and what to do."""
