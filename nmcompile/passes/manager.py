"""The pass manager: runs passes in order, times, verifies, hands out every stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nmcompile.ir.legality import verify
from nmcompile.ir.program import Program
from nmcompile.ir.text import program_text
from nmcompile.passes.context import PassContext

Transform = Callable[[Program, PassContext], Program]


@dataclass(frozen=True)
class Pass:
    """A named pure function `(program, context) -> program`."""

    name: str
    run: Transform


@dataclass
class PassManager:
    """Runs passes and checks the legality rules after each.

    Attributes:
        passes: in order.
        dump_folder: where to write `NN_name.txt` after each pass, or None.
        first_index: NN of the first pass.
        seconds: pass name -> wall time of the last run (never part of a build's files).
        digests: pass name -> digest of the program after it.
    """

    passes: tuple[Pass, ...]
    dump_folder: Path | None = None
    first_index: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def run(self, program: Program, context: PassContext) -> Program:
        """The program after all passes.

        Raises:
            NmError: from a pass, or NM0202 when a pass left an illegal program.
        """
        verify(program)
        for index, step in enumerate(self.passes, self.first_index):
            started = time.perf_counter()
            program = step.run(program, context)
            verify(program)
            self.seconds[step.name] = time.perf_counter() - started
            self.digests[step.name] = program.digest
            self._dump(index, step.name, program)
        return program

    def _dump(self, index: int, name: str, program: Program) -> None:
        if self.dump_folder is not None:
            self.dump_folder.mkdir(parents=True, exist_ok=True)
            path = self.dump_folder / f"{index:02d}_{name}.txt"
            path.write_text(program_text(program), encoding="utf-8")
