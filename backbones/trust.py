"""The user's word that code of others, which a hub fetches, may run on this machine."""

from __future__ import annotations

import os

from .backbone import BackboneError

TRUST = "PARTBENCH_TRUST"
"""Environment variable: anything in it is that word; the processes of a run inherit it."""


def allow_code(trust: bool) -> None:
    """Do what --trust asks for."""
    if trust:
        os.environ[TRUST] = "1"


def is_trusted() -> bool:
    """Whether somebody gave that word."""
    return bool(os.environ.get(TRUST))


def require_trust(name: str, whose: str) -> None:
    """Refuse to go on where nobody gave that word."""
    if not is_trusted():
        raise BackboneError(f"{name} runs code of {whose} on this machine; read it, and allow it with --trust")
