"""Applications: fields of pipelines, each with an index in the store, and other fields."""

from __future__ import annotations

from visop.errors import InvalidInput
from visop.http.engine_errors import EngineError
from visop.http.problems import Conflict
from visop.web.engine.documents import Documents, Facts, metadata
from visop.web.engine.fields import check_declared
from visop.web.engine.indexes import FieldIndexes
from visop.web.engine.messages import NewApplication
from visop.web.engine.names import check_bucket, check_name, index_name
from visop.web.engine.pipelines import Pipelines, pipelines_of
from visop.web.engine.state import EngineDatabase

# While its indexes are made or deleted, nobody sees an application; the next start finishes what was interrupted.
_CREATING, _CREATED, _DELETING = "creating", "created", "deleting"


class Applications:
    """May be used from several threads.

    Args:
        database: keeps them.
        pipelines: of which their fields are.
        indexes: in which the vectors of their fields are.
    """

    def __init__(self, database: EngineDatabase, pipelines: Pipelines, indexes: FieldIndexes) -> None:
        self.documents = Documents(database, "application")
        self._database, self._pipelines, self._indexes = database, pipelines, indexes

    def all(self) -> list[Facts]:
        """Those that were made."""
        return [each for each in self.documents.all() if each["state"] == _CREATED]

    def get(self, name: str) -> Facts:
        """One. Raises NotFound if there is none."""
        found = self.documents.get(name)
        if found["state"] != _CREATED:
            raise self.documents.missing(name)
        return found

    def create(self, name: str, new: NewApplication) -> Facts:
        """Make an application.

        Raises:
            Conflict: there is one of this name, or one that has the bucket.
            EngineError: a field or a name cannot be as it is.
            VisopError: an operator cannot be reached, or the store fails.
        """
        check_name("application", name)
        check_bucket(new.s3Bucket)
        check_declared(new.fields)
        if self.documents.find(name):
            raise self.documents.exists(name)
        facts: Facts = {"name": name, "fields": new.fields, "bucket": new.s3Bucket, "metadata": metadata("Application")}
        pipelines = pipelines_of(facts)
        for field, pipeline in pipelines.items():
            if self._pipelines.documents.find(pipeline) is None:
                raise EngineError("ArgsCheckError", f"field {field}: pipeline {pipeline[:100]} does not exist")
        infos = {field: self._pipelines.runner.info(self._pipelines.chain(each)) for field, each in pipelines.items()}
        facts |= {"state": _CREATING, "indexes": {field: index_name(name, field) for field in pipelines}}
        with self._indexes.store.changing:
            self._claim(name, facts)
            try:
                for field, info in infos.items():
                    self._indexes.make(facts["indexes"][field], info)
            except BaseException:
                self._drop_indexes(facts)
                self._finish_deletion(facts)
                raise
            return self.documents.update(name, {"state": _CREATED})

    def delete(self, name: str, *, force: bool) -> Facts:
        """Delete an application with its indexes, and the copies of its pictures.

        Raises:
            NotFound: there is none of this name.
            InvalidInput: it has entities, and it is not forced.
        """
        with self._indexes.store.changing:
            with self._database.changing() as connection:
                found = self.documents.within(connection).get(name)
                if found is None or found["state"] != _CREATED:
                    raise self.documents.missing(name)
                statement = "SELECT count(*) FROM entities WHERE application = ?"
                (count,) = connection.execute(statement, (name,)).fetchone()
                if count and not force:
                    raise InvalidInput(
                        f"application {name} has {count} entities; with force it is deleted all the same"
                    )
                self.documents.write(connection, name, found | {"state": _DELETING})
            self._drop_indexes(found)
        self._finish_deletion(found)
        return found

    def recover(self) -> None:
        """Finish what was interrupted when the server was killed."""
        with self._indexes.store.changing:
            for each in self.documents.all():
                if each["state"] != _CREATED:
                    self._drop_indexes(each)
                    self._finish_deletion(each)

    def _claim(self, name: str, facts: Facts) -> None:
        """Keep a new one, unless another one has its name, its bucket or lost its pipeline meanwhile."""
        with self._database.changing() as connection:
            for each in self.documents.within(connection).values():
                if each["name"] == name:
                    raise self.documents.exists(name)
                if each["bucket"] == facts["bucket"]:
                    raise Conflict(f"s3Bucket {facts['bucket']} is that of the application {each['name']}")
            there = self._pipelines.documents.within(connection)
            for pipeline in pipelines_of(facts).values():
                if pipeline not in there:
                    raise self._pipelines.documents.missing(pipeline)
            self.documents.write(connection, name, facts)

    def _drop_indexes(self, facts: Facts) -> None:
        for index in facts["indexes"].values():
            self._indexes.drop(index)

    def _finish_deletion(self, facts: Facts) -> None:
        """Delete copies of pictures, and then all that is known of an application, which is found until then."""
        for index in facts["indexes"].values():
            self._indexes.clear(index, facts["bucket"])
        with self._database.changing() as connection:
            found = self.documents.within(connection).get(facts["name"])
            if found is None or found["indexes"] != facts["indexes"]:
                return  # another process has finished it meanwhile
            connection.execute("DELETE FROM entities WHERE application = ?", (facts["name"],))
            marks = ", ".join("?" * len(facts["indexes"]))
            connection.execute(
                f"DELETE FROM unfinished WHERE collection IN ({marks})",  # noqa: S608 - question marks alone
                list(facts["indexes"].values()),
            )
            self.documents.erase(connection, facts["name"])
