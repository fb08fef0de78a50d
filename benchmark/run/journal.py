"""The journal of a run: a line of JSON for everything that somebody has done there, in a file of each process."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files import machine_name, machine_number

FOLDER = "journal"


@dataclass(frozen=True)
class Journal:
    """The journal in the folder of a run."""

    run: Path

    def write(self, unit: str, of: str, **facts: Any) -> None:
        """Add a line; no two processes have a file in common, since on a shared disk they would overwrite lines."""
        record = {"unit": unit, "of": of, "at": round(time.time(), 3), "by": self.by, **facts}
        file = self.run / FOLDER / f"{self.by}-{machine_number():010d}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(record) + "\n")

    @property
    def by(self) -> str:
        """This process: its machine and number."""
        return re.sub(r"[^A-Za-z0-9.-]+", "-", f"{machine_name().partition(' ')[0]}-{os.getpid()}")

    def read(self) -> list[dict[str, Any]]:
        """All lines of all processes, by their time; half a line of one that was killed is none."""
        records = []
        for file in sorted((self.run / FOLDER).glob("*.jsonl")):
            for line in file.read_text(encoding="utf-8").splitlines():
                if line.endswith("}"):
                    records.append(json.loads(line))
        return sorted(records, key=lambda record: float(record["at"]))
