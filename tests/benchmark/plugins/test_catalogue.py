"""Plugins meet in one catalogue, and a faulty one is a sentence there, not a crash."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import partbench
from partbench.benchmark.plugins.catalogue import Catalogue, load_catalogue
from partbench.benchmark.plugins.discovery import BUILT_IN

Install = Callable[..., Catalogue]

HEADER = """
import partbench
from partbench.backbones.backbone import Backbone
from partbench.datasets.dataset import Dataset
from partbench.heads.head import Head
"""
GOOD = """
@partbench.hookimpl
def partbench_heads():
    yield Head("forest", build=None)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution `partbench-NAME 1.2` with one plugin onto the path and loads the catalogue."""
    monkeypatch.delenv("PARTBENCH_BLOCK", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(source: str, name: str = "foo", module: str = "") -> Catalogue:
        module = module or f"{tmp_path.name}_{name}".replace("-", "_")  # modules outlive a test
        (tmp_path / f"{module}.py").write_text(HEADER + source)
        info = tmp_path / f"partbench_{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: partbench-{name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[partbench]\n{name} = {module}\n")
        return load_catalogue()

    return install


def test_the_built_in_plugins_come_without_a_problem() -> None:
    """A bare catalogue has our backbones, heads and datasets, offered by ourselves."""
    catalogue = load_catalogue()
    assert catalogue.problems == ()
    assert {"stylegan2", "position", "pixels"} <= catalogue.backbones.keys()
    assert {"linear", "mlp-2", "cnn-l"} <= catalogue.heads.keys()
    assert {"faces", "folder"} <= catalogue.datasets.keys()
    assert catalogue.heads["linear"].provider.split()[0] == "partbench"


def test_the_catalogue_needs_no_torch() -> None:
    """Listing what there is imports no torch, timm, torchvision or numpy."""
    heavy = "{'torch', 'timm', 'torchvision', 'numpy', 'scipy', 'PIL'}"
    load = "import sys; from partbench.benchmark.plugins.catalogue import load_catalogue; load_catalogue()"
    code = f"{load}; print({heavy} & sys.modules.keys())"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_a_third_party_offers_through_the_same_hooks(install: Install) -> None:
    """A plugin's record stands beside ours, with its package and version."""
    catalogue = install(GOOD)
    assert catalogue.heads["forest"].provider == "partbench-foo 1.2"
    assert catalogue.heads["forest"].record.name == "forest"
    assert catalogue.problems == ()


def test_a_plugin_that_cannot_be_imported(install: Install) -> None:
    """A missing library is named with the package and the way out, and everybody else is there."""
    install(GOOD, "good")
    catalogue = install("import nosuchlib")
    assert catalogue.problems == (
        "partbench-foo 1.2 cannot be imported (No module named 'nosuchlib'); "
        "install it, or leave it out with PARTBENCH_BLOCK=foo",
    )
    assert {"forest", "linear"} <= catalogue.heads.keys()


def test_a_plugin_that_moves_while_it_is_imported(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder is put back, and the plugin that left it is named."""
    monkeypatch.chdir(Path.home())
    catalogue = install("import os; os.chdir('/')\n" + GOOD)
    assert catalogue.problems == (
        f"partbench-foo 1.2 leaves the working folder at /; it was {Path.home()}, which is put back",
    )
    assert "forest" in catalogue.heads
    assert Path.cwd() == Path.home()


def test_a_blocked_plugin_is_never_imported(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """PARTBENCH_BLOCK leaves out the entry points that it lists, ours too."""
    monkeypatch.setenv("PARTBENCH_BLOCK", "bar, foo,partbench.heads")
    catalogue = install("raise AssertionError")
    assert catalogue.problems == ()
    assert not catalogue.heads


def test_a_misspelt_hook(install: Install) -> None:
    """A function marked as a hook that is none is named, with what was meant; the rest of its plugin works."""
    catalogue = install(GOOD + "@partbench.hookimpl\ndef partbench_backbone():\n    return []\n")
    assert catalogue.problems == (
        "partbench-foo 1.2 implements 'partbench_backbone', which is no hook; did you mean 'partbench_backbones'?",
    )
    assert "forest" in catalogue.heads


def test_two_plugins_with_the_same_misspelling_are_both_named(install: Install) -> None:
    """Each package answers for its own mistake; a hook that resembles none gets the list."""
    source = "@partbench.hookimpl\ndef cats():\n    return []\n"
    install(source, "bar")
    hooks = "the hooks are partbench_backbones, partbench_heads, partbench_datasets, partbench_reporters"
    assert install(source).problems == tuple(
        f"partbench-{name} 1.2 implements 'cats', which is no hook; {hooks}" for name in ("bar", "foo")
    )


def test_an_optional_hook_may_be_unknown(install: Install) -> None:
    """A plugin can serve a later partbench too, as pluggy's optionalhook says."""
    catalogue = install(GOOD + "@partbench.hookimpl(optionalhook=True)\ndef partbench_metrics():\n    return []\n")
    assert catalogue.problems == ()


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            "@partbench.hookimpl\ndef partbench_heads():\n    raise OSError('no\\ndisk')\n",
            "partbench-foo 1.2 fails in partbench_heads (OSError: no disk); "
            "mend it, or leave it out with PARTBENCH_BLOCK=foo",
        ),
        (
            "import sys\n@partbench.hookimpl\ndef partbench_heads():\n    sys.exit(0)\n",
            "partbench-foo 1.2 fails in partbench_heads (partbench-foo 1.2 calls sys.exit(0); let it raise an error "
            "instead); mend it, or leave it out with PARTBENCH_BLOCK=foo",
        ),
        (
            "@partbench.hookimpl\ndef partbench_heads():\n    pass\n",
            "partbench-foo 1.2 fails in partbench_heads (TypeError: 'NoneType' object is not iterable); "
            "mend it, or leave it out with PARTBENCH_BLOCK=foo",
        ),
        (
            "@partbench.hookimpl\ndef partbench_heads():\n    yield 'forest'\n",
            "partbench-foo 1.2 offers a str in partbench_heads; let it offer a partbench Head",
        ),
        (
            "@partbench.hookimpl\ndef partbench_heads():\n    yield Dataset('cats', (), load=None)\n",
            "partbench-foo 1.2 offers a Dataset in partbench_heads; let it offer a partbench Head",
        ),
        (
            "def partbench_heads():\n    yield Head('forest', build=None)\n",
            "partbench-foo 1.2 implements no hook; mark its functions with @partbench.hookimpl",
        ),
    ],
)
def test_a_hook_that_breaks(install: Install, source: str, problem: str) -> None:
    """A hook that raises, gives no list, gives other records or lacks its mark is one sentence; our heads are there."""
    catalogue = install(source)
    assert catalogue.problems == (problem,)
    assert "linear" in catalogue.heads


def test_a_hook_that_wants_arguments(install: Install) -> None:
    """A hook with an argument that no hook has leaves its plugin out, and says so in one sentence."""
    (problem,) = install("@partbench.hookimpl\ndef partbench_heads(color):\n    return []\n").problems
    assert problem.startswith("partbench-foo 1.2 has a hook that does not fit (Argument(s) {'color'} are declared")
    assert problem.endswith("mend it, or leave it out with PARTBENCH_BLOCK=foo")


def test_what_a_hook_gave_before_it_broke_is_kept(install: Install) -> None:
    """A generator that fails half-way has offered its first half."""
    catalogue = install(GOOD + "    raise OSError('no disk')\n")
    assert "forest" in catalogue.heads
    assert len(catalogue.problems) == 1


def test_a_name_that_is_taken(install: Install) -> None:
    """The first to offer a name keeps it, built-in before third party, and both packages are named."""
    source = "@partbench.hookimpl\ndef partbench_backbones():\n    yield Backbone('pixels', 8, (1,), load=None)\n"
    catalogue = install(source + GOOD)
    offer = catalogue.backbones["pixels"]
    assert catalogue.problems == (
        f"two plugins offer the backbone 'pixels': partbench-foo 1.2 and {offer.provider}; uninstall one of them",
    )
    assert offer.record.size == 64
    assert "forest" in catalogue.heads


def test_third_parties_with_one_name(install: Install) -> None:
    """Among third parties the alphabet decides, whatever the order of the path."""
    install(GOOD, "foo")
    catalogue = install(GOOD, "bar")
    assert catalogue.heads["forest"].provider == "partbench-bar 1.2"
    assert catalogue.problems == (
        "two plugins offer the head 'forest': partbench-foo 1.2 and partbench-bar 1.2; uninstall one of them",
    )


def test_a_plugin_that_repeats_itself(install: Install) -> None:
    """One name twice in one package is that package's own problem."""
    catalogue = install(GOOD + "    yield Head('forest', build=None)\n")
    assert catalogue.problems == ("partbench-foo 1.2 offers the head 'forest' twice; rename one of them",)


def test_a_module_behind_two_entry_points_comes_in_once(install: Install) -> None:
    """The second entry point to the same module is no fault."""
    install(GOOD, "bar", module="forests_of_two")
    assert install(GOOD, "foo", module="forests_of_two").problems == ()


@pytest.mark.parametrize("name", ["'a:b'", "'a@b'", "'a+b'", "'a/b'", "'Forest'", "'-a'", "''", "'a b'", "None"])
def test_a_name_is_a_plain_word(install: Install, name: str) -> None:
    """Names with a character that has a meaning on the command line, and names that are none, are refused."""
    catalogue = install(f"@partbench.hookimpl\ndef partbench_heads():\n    yield Head({name}, build=None)\n")
    mend = "name it with lower-case letters, digits, '.', '_' and '-' alone"
    assert catalogue.problems == (f"partbench-foo 1.2 offers a head called {name}; {mend}",)


@pytest.mark.parametrize("name", ["copy", "random", "supervised", "insid3"])
def test_a_control_has_its_name_for_itself(install: Install, name: str) -> None:
    """No backbone takes the name of a control that the runner makes."""
    catalogue = install(
        f"@partbench.hookimpl\ndef partbench_backbones():\n    yield Backbone('{name}', 8, (1,), load=None)\n"
    )
    what = f"a backbone called '{name}', which is a row of partbench's own"
    assert catalogue.problems == (f"partbench-foo 1.2 offers {what}; rename it",)


@pytest.mark.parametrize("name", ["foo-position", "foo-position20"])
def test_a_wrapper_s_name_ends_no_other(install: Install, name: str) -> None:
    """No backbone is called as another one with a wrapper would be."""
    catalogue = install(
        f"@partbench.hookimpl\ndef partbench_backbones():\n    yield Backbone('{name}', 8, (1,), load=None)\n"
    )
    what = f"a backbone called '{name}', which is 'foo' with position projected out"
    assert catalogue.problems == (f"partbench-foo 1.2 offers {what}; rename it",)


def test_every_plugin_of_ours_is_listed() -> None:
    """No module or package implements a hook without being in BUILT_IN."""
    root = Path(partbench.__file__).parent
    marked = [
        path.relative_to(root).with_suffix("")
        for shelf in ("backbones", "heads", "datasets", "benchmark")
        for path in (root / shelf).rglob("*.py")
        if "\n@hookimpl\n" in path.read_text()
    ]
    assert {".".join(path.parts).removesuffix(".__init__") for path in marked} == set(BUILT_IN)
