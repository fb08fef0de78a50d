"""Code of others runs only with the user's word."""

from __future__ import annotations

import os

import pytest

from partbench.backbones.backbone import BackboneError
from partbench.backbones.trust import TRUST, allow_code, require_trust


def test_without_the_word_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says whose code it is and how to allow it; with the word, processes that follow have it too."""
    monkeypatch.setenv(TRUST, "")
    allow_code(trust=False)
    with pytest.raises(BackboneError, match=r"^net runs code of somebody on this machine; .* allow it with --trust$"):
        require_trust("net", "somebody")
    allow_code(trust=True)
    require_trust("net", "somebody")
    assert os.environ[TRUST]
