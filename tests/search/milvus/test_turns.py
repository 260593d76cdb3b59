import threading
from concurrent.futures import ThreadPoolExecutor

from visop.search.milvus.turns import Turns


def test_readers_are_in_together():
    turns, both = Turns(), threading.Barrier(2, timeout=10)

    def read():
        with turns.reading():
            both.wait()

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(read), pool.submit(read)]:
            job.result()


def test_a_writer_is_alone():
    turns, inside, met = Turns(), [0], []

    def work(is_writer):
        for _ in range(200):
            with turns.writing() if is_writer else turns.reading():
                inside[0] += is_writer
                met.append(inside[0] - is_writer)
                inside[0] -= is_writer

    with ThreadPoolExecutor(4) as pool:
        for job in [pool.submit(work, number % 2) for number in range(4)]:
            job.result()
    assert set(met) == {0}


def test_a_writer_gets_its_turn_however_many_read():
    turns, is_written = Turns(), threading.Event()

    def read():
        while not is_written.is_set():
            with turns.reading():
                is_written.wait(0.001)

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        with turns.writing():
            is_written.set()
        for reader in readers:
            reader.result()
