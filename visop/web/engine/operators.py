"""Operators that are registered by the address at which they run, and their instances."""

from __future__ import annotations

import secrets

from visop.errors import Unreachable
from visop.http.engine_errors import EngineError
from visop.web.engine.addresses import Place
from visop.web.engine.connections import Connections
from visop.web.engine.documents import Documents, Facts, metadata
from visop.web.engine.messages import NewOperator
from visop.web.engine.names import check_name
from visop.web.engine.state import EngineDatabase

_RUNNING, _STOPPED, _DELETED = "running", "exited", "deleted"


class Operators:
    """May be used from several threads.

    Args:
        database: keeps them.
        connections: reach them.
    """

    def __init__(self, database: EngineDatabase, connections: Connections) -> None:
        self._operators, self._instances = Documents(database, "operator"), Documents(database, "instance")
        self._connections = connections

    def all(self) -> list[Facts]:
        """Those that are registered."""
        return self._operators.all()

    def get(self, name: str) -> Facts:
        """One. Raises NotFound if there is none."""
        return self._operators.get(name)

    def register(self, new: NewOperator) -> Facts:
        """Register an operator that is running.

        Raises:
            UsageError, EngineError: it has no such name, type or address; or is not what it is said to be.
            Conflict: there is one of this name.
        """
        check_name("operator", new.name)
        place = Place.of(new.type, new.addr)
        if self._operators.find(new.name):
            raise self._operators.exists(new.name)
        try:
            self._connections.info(place)
        except Unreachable as error:
            raise EngineError("OperatorRegistError", str(error)) from None
        facts = new.model_dump() | {"runtime_client": "address", "metadata": metadata("Operator")}
        self._operators.add(new.name, facts)
        return facts

    def delete(self, name: str) -> Facts:
        """Forget one with its instances; pipelines that were made of it keep its address. Raises NotFound."""
        gone = self._operators.delete(name)
        for instance in self.instances_of(gone):
            self._instances.delete(_key(name, instance["instance"]))
        return gone

    def instances(self, name: str) -> list[Facts]:
        """The instances of an operator. Raises NotFound if there is no such operator."""
        return self.instances_of(self.get(name))

    def instances_of(self, operator: Facts) -> list[Facts]:
        """The instances of an operator that is, or was, there."""
        return [each for each in self._instances.all() if each["operator"] == operator["name"]]

    def add_instance(self, name: str, instance: str) -> Facts:
        """Give a name to the running operator, which is what an instance is here.

        Raises:
            NotFound: there is no such operator.
            EngineError: it has an instance of this name.
            Unreachable: it cannot be reached.
        """
        operator = self.get(name)
        check_name("instance", instance)
        if self._instances.find(_key(name, instance)):
            raise EngineError("InstanceExistError", f"operator {name} has an instance {instance} already")
        self._connections.info(place_of(operator))
        return self._added(operator, instance)

    def instance(self, name: str, instance: str) -> Facts:
        """An instance for a pipeline; made if it is not there, for all of one operator are the same.

        Raises:
            NotFound: there is no such operator.
            EngineError: no instance can have this name.
        """
        operator = self.get(name)
        check_name("instance", instance)
        return self._instances.find(_key(name, instance)) or self._added(operator, instance)

    def delete_instance(self, name: str, instance: str) -> Facts:
        """Forget an instance. Raises NotFound if it is not there."""
        self.get(name)
        return self._instances.delete(_key(name, instance)) | {"status": _DELETED}

    def start(self, name: str, instance: str) -> Facts:
        """Let pipelines use an instance again, and connect to it anew. Raises NotFound or Unreachable."""
        place = place_of(self.get(name))
        self._instances.get(_key(name, instance))
        self._connections.forget(place)
        self._connections.info(place)
        return self._instances.update(_key(name, instance), {"status": _RUNNING})

    def stop(self, name: str, instance: str) -> Facts:
        """Let pipelines use an instance no longer; the operator goes on. Raises NotFound if it is not there."""
        self.get(name)
        return self._instances.update(_key(name, instance), {"status": _STOPPED})

    def check_runs(self, operator: str, instance: str) -> None:
        """Raise Unreachable for an instance that was stopped."""
        found = self._instances.find(_key(operator, instance))
        if found and found["status"] == _STOPPED:
            raise Unreachable(f"instance {instance} of operator {operator} is stopped")

    def _added(self, operator: Facts, instance: str) -> Facts:
        place, key = place_of(operator), _key(operator["name"], instance)
        facts = {"id": secrets.token_hex(5), "name": f"phantoscope_{operator['name']}_{instance}", "status": _RUNNING}
        facts |= {"ip": place.ip, "endpoint": place.addr}
        facts |= {"operator": operator["name"], "instance": instance}
        self._instances.add(key, facts)
        return facts


def place_of(operator: Facts) -> Place:
    """Where an operator runs."""
    return Place.of(operator["type"], operator["addr"])


def refuse_market(url: str) -> None:
    """Raise EngineError: operators are not fetched from a market."""
    why = "operators are not fetched from a market; register each that runs, by HOST:PORT, at /v1/operator/register"
    raise EngineError("RequestError", f"url {url[:100]!r}: {why}")


def _key(operator: str, instance: str) -> str:
    return f"{operator}/{instance}"
