"""A shell with one job, which reads keys: what job control does to it, told a line each.

    python shell_program.py TERMINAL

Started in a session of its own; TERMINAL becomes its controlling one. After a line `type HEX`
whoever started it types these bytes.
"""

import os
import select
import signal
import sys
import termios
import time

from vsr_train.keys import Keys

PATIENCE_S = 20.0
ROUNDS = 3
"""In which a job that polls would have done what it must not."""


def read_keys(terminal, rounds):
    """Poll until a key asks to stop, as a run's thread does; write a byte for every round."""
    with Keys(terminal) as keys:
        keys.claim_thread()
        # Unlike a run's, this thread is the only one.
        signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGTTIN})
        while not keys.take():
            keys.poll(0.02)
            os.write(rounds, b".")
            if keys.suspends:
                keys.suspend()


class Shell:
    """Has a job, in the background at first."""

    def __init__(self, path):
        self.terminal = os.open(path, os.O_RDWR)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        self.give_terminal(os.getpgrp())
        self.mode = termios.tcgetattr(self.terminal)
        self.rounds, writing = os.pipe()
        self.job = os.fork()
        if self.job == 0:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            read_keys(self.terminal, writing)
            os._exit(0)
        os.setpgid(self.job, self.job)

    def give_terminal(self, group):
        os.tcsetpgrp(self.terminal, group)

    def has_own_mode(self):
        return termios.tcgetattr(self.terminal) == self.mode

    def has_input(self):
        return select.select([self.terminal], [], [], 0)[0]

    def job_has_stopped(self):
        return os.waitpid(self.job, os.WNOHANG | os.WUNTRACED)[0] == self.job

    def let_the_job_poll(self):
        """Wait for some rounds of it."""
        if self.has_rounds():
            os.read(self.rounds, 1 << 16)  # earlier ones
        for _ in range(ROUNDS):
            wait_until(self.has_rounds, "the job has polled")
            os.read(self.rounds, 1)

    def has_rounds(self):
        return select.select([self.rounds], [], [], 0)[0]


def wait_until(happens, what):
    """Wait for something that another process does."""
    end = time.monotonic() + PATIENCE_S
    while not happens():
        if time.monotonic() > end:
            tell(f"waited in vain until {what}")
            sys.exit(1)
        time.sleep(0.01)


def tell(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main():
    shell = Shell(sys.argv[1])
    shell.let_the_job_poll()
    assert shell.has_own_mode()
    tell("started in the background: mode kept")
    tell("type 760a")
    wait_until(shell.has_input, "a line was typed")
    shell.let_the_job_poll()
    assert shell.has_input()
    assert not shell.job_has_stopped()
    tell("in the background: not read, not stopped")
    shell.give_terminal(shell.job)
    wait_until(lambda: not shell.has_own_mode(), "the job has taken the terminal's mode")
    tell("in the foreground: keys are read")
    tell("type 1a")
    wait_until(shell.job_has_stopped, "the job was suspended")
    assert shell.has_own_mode()
    shell.give_terminal(os.getpgrp())
    tell("suspended: stopped, mode given back")
    shell.give_terminal(shell.job)
    os.killpg(shell.job, signal.SIGCONT)
    wait_until(lambda: not shell.has_own_mode(), "the job has taken the mode again")
    tell("gone on: keys are read")
    tell("type 71")
    _, status = os.waitpid(shell.job, 0)
    shell.give_terminal(os.getpgrp())
    assert os.waitstatus_to_exitcode(status) == 0
    assert shell.has_own_mode()
    tell("ended: key read, mode given back")


if __name__ == "__main__":
    main()
