"""The workers of a Ray cluster, which compute units of work at the same time.

A unit is the argument of a function, and both can be pickled. The workers call the function with
many units, each worker on one core, and the results come back in the order of the units. Scheduler,
retries and object store are Ray's, which is imported only where it is asked for.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import import_module
from itertools import count, islice, tee
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

import polars as pl

from polars_transferability._arguments import DefaultText
from polars_transferability._door import Door, door, through
from polars_transferability.tables.problems import detached, reason

Unit = TypeVar("Unit")
Shared = TypeVar("Shared")
Result = TypeVar("Result")

# The default of the argument that names an engine.
LOCAL = DefaultText("local")
# A cluster that runs on this machine, or the host of one and its port for clients.
_ADDRESS = re.compile(r"ray(://auto|://(?P<host>[^:/]+):(?P<port>[0-9]{1,5}))?")
# How often a unit is tried again after its worker died.
_RETRIES = 3
# Units that are sent and not given back yet: so many for each core, and no fewer than the least, so
# that no worker waits for the driver, and rows that are sent do not fill the object store.
_AHEAD = 4
_LEAST_AHEAD = 16
# Seconds after which it is certain that nobody answers at an address.
_PATIENCE = 10
# How often a cluster elsewhere is asked, and the seconds between. It starts a process for each
# client, and where its host is busy that may end before it serves.
_ATTEMPTS = 4
_PAUSE = 2
# A worker has one core. Results have the same bits with any number of threads.
_ONE_THREAD = {"env_vars": {"POLARS_MAX_THREADS": "1"}}
# Of a cluster that is started here: it reports nothing to its makers, and does not announce what a
# later version will do about GPUs, of which no unit has need.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


class WorkerLostError(pl.exceptions.ComputeError):
    """The workers that tried a unit died, or what they needed was lost with its host."""


class Cluster:
    """The workers of a Ray cluster, which is connected or started for the first unit.

    `close` ends what is left of the work, and the connection unless it was there before.
    """

    def __init__(self, engine: str) -> None:
        self._ray = _imported(engine)
        self._engine = engine
        self._call: Any = None
        self._connection = ExitStack()
        self._ahead = _LEAST_AHEAD
        self._running: set[Any] = set()

    def map(
        self,
        function: Callable[[Unit], Result],
        units: Iterable[Unit],
        *,
        name: Callable[[Unit], str],
    ) -> Iterator[Result | WorkerLostError]:
        """Yield what the function returns for each unit, in order; what it raises is raised.

        The result of a unit whose workers died is an error. Ray shows the units by their names.
        """
        units = iter(units)
        sent: deque[Any] = deque()
        while True:
            for unit in islice(units, self._ahead - len(sent)):
                sent.append(self._send(function, unit, name(unit)))
            if not sent:
                return
            yield self._received(sent.popleft())

    def map_groups(
        self,
        function: Callable[[Shared, Unit], Result],
        groups: Iterable[tuple[Shared, Sequence[Unit]]],
        *,
        name: Callable[[Shared, Unit], str],
    ) -> Iterator[tuple[Shared, list[tuple[Unit, Result | WorkerLostError]]]]:
        """Yield what the units of each group share, and each of them with its result, as `map`.

        The function gets what they share with each of them. That is sent once, and a worker keeps
        it until it computes a unit of another group.
        """
        groups, again = tee(groups)
        results = self.map(
            partial(_with_shared, function),
            self._sent_once(groups, name),
            name=lambda sent: sent.name,
        )
        for shared, units in again:
            yield shared, list(zip(units, islice(results, len(units)), strict=True))

    def close(self) -> None:
        """Cancel the units that nobody waits for any more, and leave what was connected here."""
        for running in self._running:
            self._ray.cancel(running, force=True)
        self._running.clear()
        self._connection.close()

    def _sent_once(
        self,
        groups: Iterable[tuple[Shared, Sequence[Unit]]],
        name: Callable[[Shared, Unit], str],
    ) -> Iterator[_InGroup[Unit]]:
        for shared, units in groups:
            if units:
                self._connect()
                reference = self._ray.put(shared)
                yield from (_InGroup(reference, unit, name(shared, unit)) for unit in units)

    def _send(self, function: Callable[[Unit], Result], unit: Unit, name: str) -> Any:
        self._connect()
        caller = _Caller(door(), Path.cwd())
        reference = self._call.options(name=name).remote(function, unit, caller)
        self._running.add(reference)
        return reference

    def _received(self, reference: Any) -> Any:
        failed = self._ray.exceptions
        try:
            outcome = self._ray.get(reference)
            if isinstance(outcome.error, failed.RayError):
                # A worker could not get what the units of a group share.
                raise outcome.error
        except (
            *(failed.WorkerCrashedError, failed.OutOfMemoryError, failed.NodeDiedError),
            *(failed.ObjectLostError, failed.LocalRayletDiedError),
        ) as error:
            first_line = str(error).partition("\n")[0]
            msg = f"no worker could compute it, in up to {1 + _RETRIES} attempts: {first_line}"
            outcome = _Outcome(WorkerLostError(msg))
        except failed.RayError as error:
            msg = f"engine: Ray could not compute: {_last_line(error)}"
            raise OSError(msg) from None
        self._running.discard(reference)
        if outcome.error is not None:
            raise outcome.error
        return outcome.result

    def _connect(self) -> None:
        if self._call is not None:
            return
        if not self._ray.is_initialized():
            # Ray says on standard output, where results go, that a worker died.
            self._connection.enter_context(redirect_stdout(sys.stderr))
            _connect(self._ray, self._engine)
            self._connection.callback(self._ray.shutdown)
        elif ":" in self._engine.removeprefix("ray://"):
            msg = (
                "engine: this process is connected to a Ray cluster already, so 'ray' is the "
                f"engine; it cannot be connected to {self._engine!r}, too"
            )
            raise ValueError(msg)
        cores = self._ray.cluster_resources().get("CPU", 0)
        self._ahead = max(_LEAST_AHEAD, _AHEAD * int(cores))
        remote = self._ray.remote(num_cpus=1, max_retries=_RETRIES, runtime_env=_ONE_THREAD)
        self._call = remote(_call)


@dataclass(frozen=True)
class _Caller:
    """What a worker does as the process that asks does: the words of messages, and its folder."""

    door: Door
    folder: Path


@dataclass(frozen=True)
class _InGroup(Generic[Unit]):
    """A unit, and a reference to what the units of its group share."""

    reference: Any
    unit: Unit
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class _Outcome(Generic[Result]):
    """What a unit returned, or what it raised.

    Ray would put the whole traceback into the text of an error that it carries itself.
    """

    result: Result | WorkerLostError | None
    error: BaseException | None = None


def _call(function: Callable[[Unit], Result], unit: Unit, caller: _Caller) -> _Outcome[Result]:
    """Compute a unit in a worker."""
    # Paths may be relative. Where the worker does not have the folder, they have to be absolute.
    with suppress(OSError):
        os.chdir(caller.folder)
    try:
        with through(caller.door):
            return _Outcome(function(unit))
    except (Exception, pl.exceptions.PanicException) as error:
        return _Outcome(None, detached(error))


def _with_shared(function: Callable[[Shared, Unit], Result], sent: _InGroup[Unit]) -> Result:
    return function(_latest(sent.reference), sent.unit)


@lru_cache(maxsize=1)
def _latest(reference: Any) -> Any:
    """Return what units of a group share; a worker keeps that of one group."""
    return import_module("ray").get(reference)


def checked_engine(engine: object) -> str:
    """Return `engine` if there is such an engine and what it needs is installed.

    Examples
    --------
    >>> checked_engine("spark")
    Traceback (most recent call last):
    ValueError: engine: expected 'local', 'ray', 'ray://auto' or 'ray://host:port', found 'spark'
    """
    if isinstance(engine, str) and engine == LOCAL:
        return engine
    if not (isinstance(engine, str) and _ADDRESS.fullmatch(engine)):
        known = "'local', 'ray', 'ray://auto' or 'ray://host:port'"
        msg = f"engine: expected {known}, found {engine!r}"
        raise ValueError(msg)
    _imported(engine)
    return engine


@contextmanager
def workers_of(engine: str) -> Iterator[Cluster | None]:
    """Give the workers of an engine that was checked; the local one has none but this process."""
    if engine == LOCAL:
        yield None
        return
    cluster = Cluster(engine)
    try:
        yield cluster
    finally:
        cluster.close()


def _imported(engine: str) -> ModuleType:
    try:
        ray = import_module("ray")
    except ModuleNotFoundError:
        ray = None
    # A folder that is called so can be imported, too.
    if ray is None or not hasattr(ray, "init"):
        msg = (
            f"engine: {engine!r} needs Ray, which is not installed: "
            "pip install 'polars-transferability[ray]'"
        )
        raise ModuleNotFoundError(msg, name="ray")
    return ray


def _connect(ray: ModuleType, engine: str) -> None:
    """Connect to the cluster of an address, or else to the one that Ray finds or starts."""
    address = _ADDRESS.fullmatch(engine)
    assert address is not None
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address["host"]:
            # Ray waits for minutes, and does not say for what.
            with socket.create_connection((address["host"], int(address["port"])), _PATIENCE):
                pass
            _connect_as_client(ray, engine, quiet)
        elif engine == "ray":
            with _environment(_QUIET):
                ray.init(include_dashboard=False, **quiet)
        else:
            ray.init("auto", **quiet)
    except Exception as error:
        # Ray raises what it happens to meet on the way, such as what a library of its own raises.
        msg = f"engine: no Ray cluster answers at {engine!r}: {reason(error)}"
        raise ConnectionError(msg) from error


def _connect_as_client(ray: ModuleType, engine: str, options: Mapping[str, Any]) -> None:
    """Connect to a cluster elsewhere, and ask again where it fails to serve a client."""
    for attempt in count(1):
        try:
            ray.init(engine, **options)
        except OSError as error:
            if attempt == _ATTEMPTS:
                # The text of the error is a traceback of the cluster, which ends with the reason.
                msg = f"it serves no client, in {_ATTEMPTS} attempts: {_last_line(error)}"
                raise ConnectionError(msg) from error
            time.sleep(_PAUSE)
        else:
            return


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables of the environment that are not set, for as long as Ray starts."""
    new = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            del os.environ[name]


def _last_line(error: Exception) -> str:
    return str(error).strip().rpartition("\n")[2]
