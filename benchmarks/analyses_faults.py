"""A batch of many pictures, while workers are killed, and the broker, the database and an operator restarted.

    python benchmarks/analyses_faults.py --broker rabbitmq --pictures 5000

Debian's PostgreSQL, RabbitMQ or Redis, an operator and two workers run on this machine. The batch is done twice:
without any disturbance, and with ten kills -9 of workers and one kill and start each of broker, database and operator,
at moments that are drawn by a seed. A worker is killed while every worker is at work on pictures that it has claimed.
Afterwards every picture must have ended exactly once, with one result that is that of the picture.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.analyses.servers import LocalServer, PostgreSQL, RabbitMQ, Redis, free_port
from visop.analyses.database import Database
from visop.analyses.listing_jobs import analysis_of
from visop.analyses.models import Analysis, Job, Result
from visop.analyses.picture_store import PictureStore
from visop.analyses.pictures import Pictures
from visop.analyses.states import BATCH, JobState, State
from visop.client import Backoff, Client
from visop.errors import VisopError
from visop.images.decode import ImageLimits
from visop.settings import Settings

_OPERATOR = '''
import time
import numpy as np
import visop

class Means(visop.Encoder):
    """The mean colour, and how often it was asked for."""
    name, dimension = "means", 4
    def infer(self, images):
        time.sleep({pause} * len(images))
        return np.stack([np.append(image.mean((0, 1)) / 255, 1.0) for image in images]).astype(np.float32)
'''


_KILLED = "worker killed"
# Workers that have nothing to do any more claim nothing.
_CLAIM_S = 20.0


@dataclass
class Machines:
    """All processes of one run."""

    broker: RabbitMQ | Redis
    database: PostgreSQL
    url: str
    folder: Path
    pause_s: float
    queue: str
    operator_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @contextlib.contextmanager
    def running(self, workers: int) -> Iterator[None]:
        """The operator and the workers, ended afterwards."""
        (self.folder / "means.py").write_text(_OPERATOR.format(pause=self.pause_s))
        self.start_operator()
        for number in range(workers):
            self.start_worker(f"worker-{number}")
        try:
            yield
        finally:
            for name in list(self.processes):
                self.end(name, signal.SIGTERM)

    def start_operator(self) -> None:
        """Start it, and wait until it answers."""
        self._start("operator", "serve", "--class", "means:Means", "--bind", "127.0.0.1", "--endpoint",
                    f"127.0.0.1:{self.operator_port}")  # fmt: skip
        with Client(f"127.0.0.1:{self.operator_port}", timeout_s=1.0, backoff=Backoff(retries=0)) as client:
            while self.processes["operator"].poll() is None:
                with contextlib.suppress(VisopError):
                    client.health()
                    return
                time.sleep(0.1)
        raise SystemExit(self.log("operator"))

    def start_worker(self, name: str) -> None:
        """Start one, and do not wait for it."""
        self._start(
            name, "worker", "--operator", f"means=127.0.0.1:{self.operator_port}", "--broker", self.broker.url,
            "--database", self.url, "--pictures-at", str(self.folder / "pictures"),
        )  # fmt: skip

    def end(self, name: str, number: signal.Signals) -> None:
        """End a process, and wait for it."""
        process = self.processes.pop(name)
        process.send_signal(number)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            print(f"{name} did not end", self.log(name), file=sys.stderr)
            process.kill()
            process.wait()

    def log(self, name: str) -> str:
        """What a process said last."""
        return (self.folder / f"{name}.log").read_text()[-3000:]

    def _start(self, name: str, *words: str) -> None:
        path = os.pathsep.join([str(self.folder), str(Path(__file__).parents[1])])
        with open(self.folder / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "visop", *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env={**os.environ, "VISOP_QUEUE": self.queue, "PYTHONPATH": path},
            )  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What was found after a run."""

    seconds: float
    states: Counter[str]
    results: int
    wrong: int
    losses: int
    job: str
    faults: Counter[str]


def make_batch(database: Database, pictures: Pictures, count: int, seed: int) -> int:
    """A job whose pictures are all different; its id."""
    numbers = np.random.default_rng(seed)
    with database.session() as session:
        job = Job(operators=["means"], source={"kind": "upload"}, priority=BATCH, state=JobState.RUNNING)
        session.add(job)
        session.flush()
        for item in range(count):
            kept = pictures.keep(_picture(numbers, item))
            pictures.add(session, kept)
            session.add(Analysis(**analysis_of(job, item, f"{item}.png"), digest=kept.digest))
        job.expanded = job.total = count
    return job.id


def _picture(numbers: np.random.Generator, item: int) -> bytes:
    """48 by 32, of one colour that says which picture it is."""
    colour = (item >> 8, item & 255, int(numbers.integers(256)))
    buffer = io.BytesIO()
    Image.new("RGB", (48, 32), colour).save(buffer, "PNG")
    return buffer.getvalue()


def faults(machines: Machines, workers: int, kills: int) -> list[tuple[str, Callable[[], None]]]:
    """What is done to the machines, in the order in which it is drawn."""

    def kill(number: int) -> Callable[[], None]:
        def act() -> None:
            name = f"worker-{number % workers}"
            machines.end(name, signal.SIGKILL)
            machines.start_worker(name)

        return act

    def restart_operator() -> None:
        machines.end("operator", signal.SIGKILL)
        machines.start_operator()

    def again(server: LocalServer) -> Callable[[], None]:
        def act() -> None:
            server.kill()
            time.sleep(1.0)
            server.start()

        return act

    return [
        *((_KILLED, kill(number)) for number in range(kills)),
        ("broker killed and started", again(machines.broker)),
        ("database killed and started", again(machines.database)),
        ("operator killed and started", restart_operator),
    ]


def disturb(
    machines: Machines,
    workers: int,
    kills: int,
    chance: random.Random,
    seen: Progress,
    over: threading.Event,
) -> Counter[str]:
    """Do one after the other, at moments spread by chance over the progress of the job."""
    planned = faults(machines, workers, kills)
    chance.shuffle(planned)
    moments = sorted(chance.uniform(0.02, 0.9) for _ in planned)
    done: Counter[str] = Counter()
    for moment, (name, act) in zip(moments, planned, strict=True):
        while seen.ended() < moment and not over.is_set():
            time.sleep(0.05)
        if name == _KILLED:
            seen.wait_claimed(workers, over)
        act()
        done[name] += 1
    return done


def run(machines: Machines, count: int, workers: int, kills: int, seed: int, patience_s: float) -> Report:
    """One batch, disturbed if there are kills; what came of it."""
    database = Database(machines.url)
    database.migrate()
    pictures = Pictures(database, PictureStore(str(machines.folder / "pictures")), ImageLimits.of(Settings()))
    with machines.running(workers):
        job = make_batch(database, pictures, count, seed)
        began, over, done = time.monotonic(), threading.Event(), Counter[str]()
        disturber = threading.Thread(
            target=lambda: done.update(
                disturb(machines, workers, kills, random.Random(seed), Progress(database, job, count), over)
            )
        )
        if kills:
            disturber.start()
        while progress(database, job) < count and time.monotonic() < began + patience_s:
            time.sleep(0.1)
        seconds = time.monotonic() - began
        over.set()
        if kills:
            disturber.join()
        wait_for_job(database, job)
    return inspect(database, job, seconds, done)


@dataclass(frozen=True)
class Progress:
    """What the disturber looks at."""

    database: Database
    job: int
    count: int

    def ended(self) -> float:
        """The part of the analyses that have ended."""
        return progress(self.database, self.job) / self.count

    def wait_claimed(self, workers: int, over: threading.Event) -> None:
        """Return when so many claims are held, one of each worker; or after a while."""
        ends = time.monotonic() + _CLAIM_S
        while self._claims() < workers and time.monotonic() < ends and not over.is_set():
            time.sleep(0.01)

    def _claims(self) -> int:
        with contextlib.suppress(Exception), self.database.reading() as session:
            held = select(func.count(Analysis.claim.distinct())).where(Analysis.state == State.RUNNING)
            return session.scalar(held) or 0
        return 0


def progress(database: Database, job: int) -> int:
    """How many analyses have ended; -1 while the database is away."""
    with contextlib.suppress(Exception), database.reading() as session:
        ends = (State.DONE, State.FAILED, State.CANCELLED)
        found = select(func.count()).where(Analysis.job_id == job, Analysis.state.in_(ends))
        return session.scalar(found) or 0
    return -1


def wait_for_job(database: Database, job: int) -> None:
    """Until the job has ended, too."""
    for _ in range(150):
        with database.reading() as session:
            if session.scalar(select(Job.state).where(Job.id == job)) == JobState.DONE:
                return
        time.sleep(0.1)


def inspect(database: Database, job: int, seconds: float, done: Counter[str]) -> Report:
    """Count everything, and compare each result with its picture."""
    with database.reading() as session:
        rows = session.execute(
            select(Analysis.item, Analysis.state, Analysis.losses, Analysis.error, Result.vector)
            .outerjoin(Result, Result.analysis_id == Analysis.id)
            .where(Analysis.job_id == job)
        ).all()
        state = session.scalar(select(Job.state).where(Job.id == job)) or ""
    states = Counter({row.item: row.state for row in rows}.values())
    failed = {row.error for row in rows if row.state == State.FAILED}
    if failed:
        print("errors:", failed, file=sys.stderr)
    wrong = sum(row.vector is not None and not _fits(row.item, row.vector) for row in rows)
    results, losses = sum(row.vector is not None for row in rows), sum(row.losses for row in rows)
    return Report(seconds, states, results, wrong, losses, state, done)


def _fits(item: int, vector: bytes) -> bool:
    red, green, _, one = np.frombuffer(vector, "<f4")
    return (round(red / one * 255), round(green / one * 255)) == (item >> 8, item & 255)


def table(rows: Sequence[tuple[str, Report]]) -> str:
    """For the documentation."""
    lines = [
        "| run | seconds | done | failed | results | of another picture | lost with a worker, and done again | job |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for name, each in rows:
        counts = f"{each.states['done']} | {each.states['failed']} | {each.results} | {each.wrong} | {each.losses}"
        lines.append(f"| {name} | {each.seconds:.1f} | {counts} | {each.job} |")
    return "\n".join(lines)


def main() -> int:
    """Run it; the exit status is 1 if anything was lost, or came twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", choices=("rabbitmq", "redis"), default="rabbitmq")
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--pause", type=float, default=0.02, help="seconds of the operator for one picture")
    parser.add_argument("--disturbed-only", action="store_true", help="leave out the run to compare with")
    parser.add_argument("--logs", type=Path, help="an empty folder for pictures and logs, which stay")
    parser.add_argument("--patience", type=float, default=1800.0)
    arguments = parser.parse_args()
    rows = []
    kind = RabbitMQ if arguments.broker == "rabbitmq" else Redis
    with kind() as broker, PostgreSQL() as database, tempfile.TemporaryDirectory() as folder:
        assert isinstance(broker, RabbitMQ | Redis)
        assert isinstance(database, PostgreSQL)
        plan = [(f"{arguments.broker}, undisturbed", 0), (f"{arguments.broker}, disturbed", arguments.kills)]
        for name, kills in plan[arguments.disturbed_only :]:
            place = Path(arguments.logs or folder, str(kills))
            place.mkdir(parents=True)
            machines = Machines(broker, database, database.new_database(), place, arguments.pause, f"faults{kills}")
            report = run(machines, arguments.pictures, arguments.workers, kills, arguments.seed, arguments.patience)
            print(f"{name}: {report}", file=sys.stderr)
            rows.append((name, report))
    print(table(rows))
    ended = all(each.states.total() == arguments.pictures == each.results + each.states["failed"] for _, each in rows)
    return 0 if ended and not any(each.wrong for _, each in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
