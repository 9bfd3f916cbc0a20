"""What is wrong with a device, or with the processes that train together."""


class DeviceError(Exception):
    """A device that is missing or cannot run this; the message says which, why and what to do."""


class PeerError(Exception):
    """Another process of the run cannot go on, and so none can.

    Args:
        message: whose reason it is, and the reason.
        exit_code: what that process ends with.
        in_order: whether it ended between steps and waits for what is still to be saved; otherwise
            it is gone, and nothing that needs it can be done any more.
    """

    def __init__(self, message: str, exit_code: int, *, in_order: bool) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.in_order = in_order
