"""A clock that nobody waits for."""


class Clock:
    """Tells seconds that only `pass_by` and being asked move on."""

    def __init__(self, tick=0.0):
        self.seconds = 100.0
        self._tick = tick

    def __call__(self):
        self.seconds += self._tick
        return self.seconds

    def pass_by(self, seconds):
        self.seconds += seconds
