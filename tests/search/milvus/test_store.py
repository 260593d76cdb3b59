"""What a store promises, whatever it is: a file or a server. Its failures, each with its own words."""

from concurrent import futures
from contextlib import ExitStack

import grpc
import numpy as np
import pytest

from visop.contract import OperatorInfo
from visop.errors import UsageError
from visop.search.errors import NoSuchIndex, StoreFull, StoreReadOnly, StoreUnreachable
from visop.search.index_types import IndexType, choose_index_type
from visop.search.milvus.library import MilvusClient
from visop.search.milvus.store import MilvusStore
from visop.search.schema import Picture, Row


@pytest.fixture
def filled(open_index, folder, uri):
    """A store that holds ten pictures."""
    with open_index() as index:
        index.add([folder])
    return uri


def test_a_server_that_is_not_there_is_named_without_its_password():
    with pytest.raises(StoreUnreachable, match=r"no Milvus answers at http://127.0.0.1:1: ") as caught:
        MilvusStore("http://user:secret@127.0.0.1:1")
    assert "secret" not in str(caught.value)


def test_a_collection_of_somebody_else_is_left_alone(store):
    client: MilvusClient = store.connection.client
    client.create_collection("theirs__1", dimension=4)
    client.create_alias("theirs__1", "theirs")
    with pytest.raises(UsageError, match=r"^name theirs__1: this collection was not made by visop"):
        store.find("theirs")


@pytest.mark.parametrize("name", ["", "1st", "a b", "a__1", "x" * 201, "é"])
def test_a_name_that_milvus_does_not_take_is_refused(store, name):
    with pytest.raises(UsageError, match=r"^name.*: must be letters, digits"):
        store.find(name)


def test_an_index_that_is_not_there_names_those_that_are(filled):
    with MilvusStore(filled) as store, pytest.raises(NoSuchIndex, match="has no index 'other'; there are: test"):
        store.find("other")


def test_read_only_in_the_words_of_the_system():
    from visop.search.milvus.errors import of_text

    assert isinstance(of_text("[Errno 30] Read-only file system: '/x'", "x.db"), StoreReadOnly)
    assert isinstance(of_text("[Errno 28] No space left on device", "x.db"), StoreFull)


def row(number, vector):
    return Row(Picture(f"{number:064x}", (f"/{number}",), 1, 1, 1, 1, 1), np.asarray(vector, np.float32))


def on_a_circle(count):
    angles = np.arange(count) * (2 * np.pi / count)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@pytest.fixture
def make(store):
    """A collection of rows on a circle, each as far from the next."""

    def made(count, kind="FLAT", metric="L2"):
        collection = store.create("circle", 1, OperatorInfo("toy", "toy", 2, metric), index_type=kind)
        vectors = on_a_circle(count)
        for start in range(0, count, 5000):
            numbers = range(start, min(count, start + 5000))
            collection.upsert([row(number, vectors[number]) for number in numbers])
        return collection

    return made


def test_what_was_written_is_found_at_once(make):
    collection = make(1)
    for number, vector in enumerate(on_a_circle(10)):
        collection.upsert([row(number, vector)])
        assert collection.search([vector], 1)[0][0].picture.id == f"{number:064x}"
        assert collection.count() == number + 1


def test_what_was_written_is_there_for_another_connection(make, uri):
    collection = make(1)
    with MilvusStore(uri) as other:
        there = other.open("circle__1")
        for number, vector in enumerate(on_a_circle(10)):
            collection.upsert([row(number, vector)])
            assert list(there.known([f"{number:064x}"])) == [f"{number:064x}"]
            assert sum(len(page) for page in there.pictures()) == number + 1


@pytest.mark.slow
def test_more_rows_than_milvus_answers_at_once_come_in_pages_each_once(make):
    collection = make(20_000)
    assert collection.count() == 20_000
    ids = [picture.id for page in collection.pictures() for picture in page]
    assert ids == [f"{number:064x}" for number in range(20_000)]


def test_a_deleted_row_is_gone_at_once(make):
    collection = make(3)
    collection.delete([f"{1:064x}"])
    assert [picture.id for page in collection.pictures() for picture in page] == [f"{0:064x}", f"{2:064x}"]
    assert len(collection.search([on_a_circle(3)[1]], 3)[0]) == 2


@pytest.mark.parametrize("kind", ["HNSW", "IVF_FLAT", "AUTOINDEX"])
def test_a_filter_or_a_deletion_of_all_that_is_near_leaves_what_is_far(make, kind):
    collection = make(3000)
    collection.rebuild_index(choose_index_type(kind, 3000, flat_limit=0))
    query = on_a_circle(3000)[0]
    far = [f"{number:064x}" for number in range(1500, 1520)]
    found = collection.search([query], 20, f"id in {far}")[0]
    assert [hit.picture.id for hit in found] == far[::-1]
    collection.delete([f"{number:064x}" for number in range(3000) if not 1500 <= number < 1520])
    assert [hit.picture.id for hit in collection.search([query], 10)[0]] == far[:9:-1]


def test_what_is_no_id_is_looked_up_as_none(make):
    collection = make(3)
    trick = f"x'] or width > 0 or id in ['{0:064x}"
    assert collection.known([trick]) == {}
    collection.delete([trick])
    assert collection.count() == 3


def test_an_index_type_that_milvus_does_not_have_is_refused_and_leaves_nothing(make, store):
    with pytest.raises(UsageError, match=r"^index_type SCANN:nlist=0: .*Milvus"):
        make(3, "SCANN:nlist=0")
    assert store.numbers("circle") == []


@pytest.mark.parametrize(
    "asked", [IndexType("HNSW", {"M": "9", "efConstruction": "33"}), IndexType("IVF_FLAT", {"nlist": "3"})]
)
def test_an_index_has_the_parameters_that_it_was_built_with(make, store, asked):
    make(200).rebuild_index(asked)
    assert store.open("circle__1").index_type == asked


def test_an_index_that_cannot_be_changed_stays_as_it_was(make):
    collection = make(3)
    with pytest.raises(UsageError, match=r"^index_type NONE:M=3: .*Milvus"):
        collection.rebuild_index(IndexType("NONE", {"M": "3"}))
    assert collection.index_type.kind == "FLAT"
    assert len(collection.search([on_a_circle(3)[1]], 3)[0]) == 3


def test_a_collection_whose_maker_was_killed_before_it_had_an_index_gets_one(make, store):
    make(3)
    store.connection.client.release_collection("circle__1")
    store.connection.client.drop_index("circle__1", "vector")
    collection = store.open("circle__1")
    assert collection.index_type.kind == "FLAT"
    assert len(collection.search([on_a_circle(3)[1]], 3)[0]) == 3


def test_the_alias_moves_to_the_new_collection_at_once(make, store, uri):
    make(3)
    store.point("circle", 1)
    second = store.create("circle", 2, OperatorInfo("toy", "toy-2", 2, "L2"))
    store.point("circle", 2)
    assert store.find("circle").name == second.name == "circle__2"
    store.drop("circle", 1)
    assert (store.indexes(), store.numbers("circle")) == (["circle"], [2])


class Refusing(grpc.GenericRpcHandler):
    """Answers every call as a Milvus that does not know who asks."""

    def service(self, details):
        def refuse(request, context):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure")

        return grpc.unary_unary_rpc_method_handler(refuse)


@pytest.fixture
def serve():
    """Start a gRPC server on a free port; its URI."""
    with ExitStack() as stack:

        def start(*handlers):
            server = grpc.server(futures.ThreadPoolExecutor(2), handlers=list(handlers))
            port = server.add_insecure_port("127.0.0.1:0")
            server.start()
            stack.callback(lambda: server.stop(None).wait())
            return f"http://127.0.0.1:{port}"

        yield start


def test_a_server_that_is_no_milvus_is_said_to_be_none(serve):
    uri = serve()
    with pytest.raises(UsageError, match=rf"^uri {uri}: what answers there is no Milvus .* its port is 19530"):
        MilvusStore(uri)


def test_a_server_that_does_not_take_the_password_says_where_to_put_it(serve):
    with pytest.raises(
        UsageError, match=r"^token: .*asks who we are .*: must be user:password, .*MILVUS_TOKEN"
    ) as caught:
        MilvusStore(serve(Refusing()), "user:secret")
    assert "secret" not in str(caught.value)
