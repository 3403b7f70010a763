"""The one table from diagnostic codes to process exit codes."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """What a finished ``nmcompile`` process tells its caller. Documented, tested, never re-used."""

    OK = 0
    BAD_INPUT = 1
    USAGE = 2
    DOES_NOT_FIT = 3
    BUDGET_EXCEEDED = 4
    MISMATCH = 5
    TOOL_MISSING = 6
    INTERNAL = 70
    INTERRUPTED = 130


# The longest matching prefix decides.
_BY_PREFIX: Final[dict[str, ExitCode]] = {
    "NM00": ExitCode.USAGE,  # the command line itself
    "NM0002": ExitCode.INTERRUPTED,  # Ctrl-C
    "NM01": ExitCode.BAD_INPUT,  # model files and frontends
    "NM02": ExitCode.BAD_INPUT,  # program, IR, passes, calibration
    "NM03": ExitCode.DOES_NOT_FIT,  # the target cannot hold or run it
    "NM04": ExitCode.MISMATCH,  # verification
    "NM05": ExitCode.BAD_INPUT,  # sequences, videos, build folders
    "NM06": ExitCode.BAD_INPUT,  # target files and configuration
    "NM07": ExitCode.TOOL_MISSING,  # missing tools, external runs
    "NM08": ExitCode.BUDGET_EXCEEDED,  # budgets
    "NM09": ExitCode.INTERNAL,  # a bug of nmcompile
}


def exit_code_of(code: str) -> ExitCode:
    """Return the exit code of a diagnostic code such as ``NM0304``.

    Raises:
        ValueError: the code is not ``NM`` and four digits, or its family is not in the table.
    """
    if len(code) == 6 and code.startswith("NM") and code[2:].isdecimal():
        for length in (6, 4):
            found = _BY_PREFIX.get(code[:length])
            if found is not None:
                return found
    raise ValueError(f"not a diagnostic code: {code!r}")
