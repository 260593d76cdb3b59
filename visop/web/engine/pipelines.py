"""Pipelines: processors, one after another, and an encoder."""

from __future__ import annotations

from visop.errors import InvalidInput
from visop.http.engine_errors import EngineError
from visop.web.engine.addresses import Place
from visop.web.engine.documents import Documents, Facts, metadata
from visop.web.engine.messages import NewPipeline, Stage
from visop.web.engine.names import check_name
from visop.web.engine.operators import Operators
from visop.web.engine.picture import Given
from visop.web.engine.running import Chain, Pictured, Runner
from visop.web.engine.state import EngineDatabase

_MOST_PROCESSORS = 8


class Pipelines:
    """May be used from several threads.

    Args:
        database: keeps them.
        operators: of which they are made.
        runner: runs them.
    """

    def __init__(self, database: EngineDatabase, operators: Operators, runner: Runner) -> None:
        self.documents = Documents(database, "pipeline")
        self._applications = Documents(database, "application")
        self._database, self._operators, self.runner = database, operators, runner

    def all(self) -> list[Facts]:
        """Those that were made."""
        return self.documents.all()

    def get(self, name: str) -> Facts:
        """One. Raises NotFound if there is none."""
        return self.documents.get(name)

    def create(self, name: str, new: NewPipeline) -> Facts:
        """Make a pipeline of operators that are registered, and running.

        Raises:
            Conflict: there is one of this name.
            NotFound: there is no such operator.
            EngineError: one is of another kind than it must be.
            Unreachable: one cannot be reached.
        """
        check_name("pipeline", name)
        if self.documents.find(name):
            raise self.documents.exists(name)
        if len(new.processors) > _MOST_PROCESSORS:
            raise InvalidInput(f"processors: {len(new.processors)} of them, the limit is {_MOST_PROCESSORS}")
        facts: Facts = {"name": name, "input": "image", "output": "vector", "description": new.description}
        facts |= {"processors": [self._stage("processor", each) for each in new.processors]}
        facts |= {"encoder": self._stage("encoder", new.encoder), "metadata": metadata("Pipeline")}
        self.runner.info(self._chain(facts))
        self.documents.add(name, facts)
        return facts

    def delete(self, name: str) -> Facts:
        """Forget one.

        Raises:
            NotFound: there is none of this name.
            InvalidInput: an application needs it.
        """
        with self._database.changing() as connection:
            found = self.documents.within(connection).get(name)
            if found is None:
                raise self.documents.missing(name)
            for application in self._applications.within(connection).values():
                if name in pipelines_of(application).values():
                    raise InvalidInput(f"pipeline {name} is needed by the application {application['name']}")
            self.documents.erase(connection, name)
        return found

    def chain(self, name: str) -> Chain:
        """The operators of a pipeline.

        Raises:
            NotFound: there is none of this name.
            Unreachable: an instance was stopped.
        """
        facts = self.get(name)
        for each in (*facts["processors"], facts["encoder"]):
            self._operators.check_runs(each["operator"]["name"], each["instance"]["instance"])
        return self._chain(facts)

    def run(self, name: str, given: Given, deadline: float) -> Pictured:
        """Run a pipeline on a picture. Raises as ``chain`` and ``Runner.run``."""
        return self.runner.run(self.chain(name), given, deadline)

    def _stage(self, kind: str, stage: Stage) -> Facts:
        operator = self._operators.get(stage.name)
        if operator["type"] != kind:
            why = f"operator {stage.name} is of the type {operator['type']}; here the type {kind} is needed"
            raise EngineError("PipelineIllegalError", why)
        return {"operator": operator, "instance": self._operators.instance(stage.name, stage.instance)}

    def _chain(self, facts: Facts) -> Chain:
        processors = [Place.of("processor", each["instance"]["endpoint"]) for each in facts["processors"]]
        encoder = Place.of("encoder", facts["encoder"]["instance"]["endpoint"])
        return Chain(facts["name"], tuple(processors), encoder)


def pipelines_of(application: Facts) -> dict[str, str]:
    """The fields of an application that hold pictures, each with the name of its pipeline, in their order."""
    fields = application["fields"].items()
    return {name: field["value"] for name, field in fields if field["type"] == "pipeline"}
