"""A Ray cluster, as a run sees it; nobody imports Ray, or this, without `--workers ray`."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ... import UserError, one_line
from ..run.groups import Group
from ..run.turns import PAUSE
from .demands import Demand, slot_for
from .fleet import End
from .ray_task import FileKeeper, do
from .recipe import RunRecipe

PASSED = ("PARTBENCH_", "HF_", "TORCH_", "XDG_CACHE_HOME", "PYTHONPATH")
"""What variables of the environment begin with that workers elsewhere have, too."""
STORE = 100 * 2**20
"""Bytes of Ray's object store, where the cluster is ours: what is in it is one recipe, without files."""
SECONDS = 10.0
"""For a cluster to answer in, and for workers to end in when the run does."""


class ClusterError(UserError):
    """A cluster that does not work, in one sentence: the fact, the culprit, the mend."""


def connect(address: str) -> RayCluster:
    """The cluster at an address; at '' one of this machine's cores and GPUs, which ends with the run."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns that it will be so
    try:
        import ray
    except ImportError as error:
        raise ClusterError(f"--workers ray needs Ray ({error}); pip install 'partbench[ray]'") from None
    passed = {name: value for name, value in os.environ.items() if name.startswith(PASSED)}
    own = {} if address else {"object_store_memory": STORE, "include_dashboard": False}
    _hush()
    try:
        _knock(address)
        ray.init(
            address or "local", runtime_env={"env_vars": passed}, log_to_driver=False, logging_level="ERROR", **own
        )
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        where = f"at {address}" if address else "here"
        mend = "start one by ray start --head, or write --workers ray for this machine alone"
        raise ClusterError(f"there is no Ray cluster {where} ({one_line(error)}); {mend}") from None
    return RayCluster(elsewhere=bool(address))


def _knock(address: str) -> None:
    """See whether anything answers at HOST:PORT, for which Ray takes minutes."""
    host, _, port = address.partition(":")
    if port.isdecimal():
        socket.create_connection((host, int(port)), SECONDS).close()


def _hush() -> None:
    """Keep Ray from printing what it notices, which is told with the group that it concerns, onto our output."""
    from ray._private import worker

    vars(worker)["print_to_stdstream"] = lambda data, ignore_prefix: None


@dataclass
class RayCluster:
    """The cluster that this process is connected to."""

    elsewhere: bool = False
    """Whether it has machines that may not see the files of this one, which only those take that lack them."""
    _recipes: dict[int, Any] = field(default_factory=dict)

    def fits(self, demands: Sequence[Demand]) -> bool:
        """Whether the machines that are there have room for these."""
        import ray

        cpus, gpus, memory = (
            sum(asked) for asked in zip(*((one.cpus, one.gpus, one.memory) for one in demands), strict=True)
        )
        machines = self.machines  # what no single one has, Ray would wait for without a word
        alone = all(any(demand.fits_into(there) for there in machines) for demand in demands)
        return alone and Demand(int(cpus), gpus, int(memory)).fits_into(ray.cluster_resources())

    @property
    def machines(self) -> list[Mapping[str, float]]:
        """The resources of each."""
        import ray

        return [node["Resources"] for node in ray.nodes() if node["Alive"]]

    def cores(self, gpu: bool) -> int:
        """For each group: one, or each GPU's share of its machine's."""
        if not gpu:
            return 1
        shares = [int(there.get("CPU", 0) // there["GPU"]) for there in self.machines if there.get("GPU", 0)]
        return max(1, min(shares, default=1))

    @property
    def gpus(self) -> int:
        return int(sum(there.get("GPU", 0) for there in self.machines))

    @property
    def cpus(self) -> int:
        return int(sum(there.get("CPU", 0) for there in self.machines))

    def start(self, recipe: RunRecipe, group: Group, demand: Demand, apart: bool, told: Path) -> Any:
        """Hand a group to Ray, which is not to try it again: whoever notices how it ended decides that."""
        import ray

        if id(recipe) not in self._recipes:
            self._recipes[id(recipe)] = ray.put(replace(recipe, keeper=self._keeper(recipe)))
        most = max((int(there.get("CPU", 0)) for there in self.machines), default=1)
        slot = slot_for(demand, most // demand.cpus)
        memory = {"memory": demand.memory} if demand.memory else {}
        once = {"max_calls": 1} if demand.gpus else {}  # the end of its process is what gives back a GPU's memory
        task = ray.remote(num_cpus=demand.cpus, num_gpus=demand.gpus, max_retries=0, **memory, **once)(do)
        return task.options(name=group.name).remote(self._recipes[id(recipe)], group, slot, apart, told, Path.cwd())

    def _keeper(self, recipe: RunRecipe) -> Any:
        """Whoever sends files to machines that lack them, here; None where none can be lacking."""
        if not self.elsewhere or not any(recipe.needs.values()):
            return None
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        return ray.remote(num_cpus=0)(FileKeeper).options(scheduling_strategy=here).remote(Path.cwd())

    def wait(self, jobs: Sequence[Any]) -> Mapping[Any, End]:
        """Those that have ended, and how."""
        import ray

        if not ray.wait(list(jobs), num_returns=1, timeout=PAUSE)[0]:
            return {}
        return {job: _end_of(job) for job in ray.wait(list(jobs), num_returns=len(jobs), timeout=0)[0]}

    def close(self, jobs: Sequence[Any]) -> None:
        """End these, and wait until they have: what they hold is others' then."""
        import ray

        for job in jobs:
            ray.cancel(job, force=True)
        if jobs:
            ray.wait(list(jobs), num_returns=len(jobs), timeout=SECONDS)
        ray.shutdown()


def _end_of(job: Any) -> End:
    """How a task ended."""
    import ray
    from ray import exceptions

    try:
        said = ray.get(job)
    except (exceptions.NodeDiedError, exceptions.LocalRayletDiedError, exceptions.ObjectLostError):
        return End("was lost with its machine", machine=True)
    except exceptions.OutOfMemoryError:
        return End("was ended by Ray, as the memory of its machine ran out")
    except exceptions.WorkerCrashedError:
        return End("died, as where it is killed, aborts or memory runs out")
    except exceptions.RayError as error:
        mend = "see that every machine has this version of partbench, and what its plugins need"
        return End(error=ClusterError(f"a Ray worker could not begin ({one_line(error)}); {mend}"))
    return End(error=said) if isinstance(said, Exception) else End(said)
