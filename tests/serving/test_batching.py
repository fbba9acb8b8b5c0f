"""The queue by hand: who is read when, who finds no room, who is dropped."""

import asyncio
import threading

import numpy as np
import pytest

from plotgenre.serving.batching import Batcher
from plotgenre.serving.refusals import RefusedError


class Heard:
    def __init__(self):
        self.batches, self.gone = [], 0

    def batch(self, texts, tokens, seconds):
        self.batches.append((texts, tokens))

    def dropped(self, texts):
        self.gone += texts


class Reading:
    """A text's logits are its length; holds each batch until the gate is open."""

    def __init__(self, gate=True):
        self.seen, self.gate = [], threading.Event()
        if gate:
            self.gate.set()

    def __call__(self, texts):
        self.seen.append(list(texts))
        assert self.gate.wait(10)
        if "broken" in texts:
            raise ValueError("broken")
        return np.array([[len(text)] for text in texts], dtype=np.float32)


def batcher(read, heard=None, queue=64, batch=6, abreast=1):
    return Batcher(
        read,
        queue_tokens=queue,
        batch_tokens=batch,
        share=queue // 8,
        listener=heard or Heard(),
        abreast=abreast,
    )


def with_batcher(work, *arguments, **settings):
    """Runs ``work(batcher)`` beside the batcher's own task."""

    async def both():
        one = batcher(*arguments, **settings)
        task = asyncio.create_task(one.run())
        try:
            return await asyncio.wait_for(work(one), 20)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return asyncio.run(both())


def test_texts_of_several_jobs_take_turns_and_batches_are_of_tokens():
    read, heard = Reading(gate=False), Heard()

    async def work(queue):
        with queue.admit(1) as first, queue.admit(8) as long, queue.admit(2) as late:
            coming = [await first.put("x", 1)]
            while not read.seen:
                await asyncio.sleep(0.001)
            # These wait while the first is being read.
            coming += [await long.put(text, 2) for text in ("aa", "bbb", "cccc", "ddddd")]
            coming += [await late.put("late", 2)]
            read.gate.set()
            return await asyncio.gather(*coming)

    answers = with_batcher(work, read, heard)
    assert read.seen == [["x"], ["aa", "late", "bbb"], ["cccc", "ddddd"]]
    assert heard.batches == [(1, 1), (3, 6), (2, 4)]
    assert [int(one[0]) for one in answers] == [1, 2, 3, 4, 5, 4]


def test_a_second_batch_is_read_beside_the_first_and_a_third_waits():
    read = Reading(gate=False)

    async def work(queue):
        with queue.admit(8) as job:
            coming = [await job.put("one", 5)]
            while len(read.seen) < 1:
                await asyncio.sleep(0.001)
            coming.append(await job.put("two", 5))
            while len(read.seen) < 2:
                await asyncio.sleep(0.001)
            coming.append(await job.put("three", 5))
            await asyncio.sleep(0.05)
            assert read.seen == [["one"], ["two"]]
            assert queue.waiting_tokens == 5
            read.gate.set()
            return await asyncio.gather(*coming)

    answers = with_batcher(work, read, abreast=2)
    assert [int(one[0]) for one in answers] == [3, 3, 5]
    assert read.seen == [["one"], ["two"], ["three"]]


def test_a_batch_that_fails_leaves_the_one_beside_it_alone():
    read = Reading(gate=False)

    async def work(queue):
        with queue.admit(8) as job:
            coming = [await job.put("broken", 5)]
            while len(read.seen) < 1:
                await asyncio.sleep(0.001)
            coming.append(await job.put("good", 5))
            while len(read.seen) < 2:
                await asyncio.sleep(0.001)
            read.gate.set()
            return await asyncio.gather(*coming, return_exceptions=True)

    broken, good = with_batcher(work, read, abreast=2)
    assert isinstance(broken, RefusedError)
    assert int(good[0]) == 4


def test_who_leaves_a_batch_that_fails_leaves_the_others_their_answers():
    read = Reading(gate=False)

    async def work(queue):
        with queue.admit(4) as job:
            coming = [await job.put(text, 1) for text in ("broken", "left", "stays")]
            while not read.seen:
                await asyncio.sleep(0.001)
            read.gate.set()
            # Each is read anew, and this one's reader is gone while that happens.
            while ["left"] not in read.seen:
                await asyncio.sleep(0)
            coming[1].cancel()
            return await asyncio.gather(*coming, return_exceptions=True)

    broken, left, stays = with_batcher(work, read)
    assert isinstance(broken, RefusedError)
    assert isinstance(left, asyncio.CancelledError)
    assert int(stays[0]) == 5


def test_a_reading_that_ends_in_the_worst_way_leaves_nobody_waiting():
    def read(texts):
        raise GeneratorExit

    async def work(queue):
        with queue.admit(4) as job:
            return await asyncio.gather(await job.put("one", 1), return_exceptions=True)

    (one,) = with_batcher(work, read)
    assert isinstance(one, RefusedError)


def test_a_text_larger_than_a_batch_is_read_alone():
    read = Reading(gate=False)

    async def work(queue):
        with queue.admit(30) as job, queue.admit(3) as other:
            coming = [await job.put("first", 1)]
            while not read.seen:
                await asyncio.sleep(0.001)
            coming += [await job.put("huge", 8), await other.put("small", 3)]
            read.gate.set()
            await asyncio.gather(*coming)

    with_batcher(work, read)
    assert read.seen == [["first"], ["huge"], ["small"]]


def test_what_finds_no_room_is_refused_at_once():
    async def work(queue):
        # A share is 8 of 64: seven long ones and one of 7 leave room for 1.
        jobs = [queue.admit(1000) for _ in range(7)] + [queue.admit(7)]
        assert queue.held_tokens == 63
        with pytest.raises(RefusedError, match="full") as refused:
            queue.admit(2)
        assert refused.value.status == 429
        assert 1 <= int(refused.value.headers["Retry-After"]) <= 60
        with queue.admit(1):
            pass
        for job in jobs:
            queue.leave(job)
        assert queue.held_tokens == 0

    with_batcher(work, Reading())


def test_files_leave_half_of_the_queue_to_others():
    async def work(queue):
        files = [queue.admit(None) for _ in range(4)]
        with pytest.raises(RefusedError):
            queue.admit(None)
        assert queue.admit(8)
        queue.leave(files[0])
        assert queue.admit(None)

    with_batcher(work, Reading())


def test_a_job_gives_its_room_back_as_it_is_read():
    read = Reading()

    async def work(queue):
        with queue.admit(12) as job:
            assert job.room == 8
            await (await job.put("a", 6))
            assert job.room == 6
            await (await job.put("b", 6))
            assert job.room == 0

    with_batcher(work, read)


def test_a_long_job_waits_for_its_share_and_never_has_more_in_the_queue():
    read, most = Reading(), 0

    async def work(queue):
        nonlocal most
        with queue.admit(None) as job:
            coming = []
            for i in range(40):
                coming.append(await job.put(str(i), 3))
                most = max(most, queue.waiting_tokens)
            return await asyncio.gather(*coming)

    assert len(with_batcher(work, read)) == 40
    assert 6 <= most <= 8
    assert [text for texts in read.seen for text in texts] == [str(i) for i in range(40)]


def test_who_leaves_is_read_no_more():
    read, heard = Reading(gate=False), Heard()

    async def work(queue):
        with queue.admit(1) as stays:
            coming = await stays.put("stays", 1)
            while not read.seen:
                await asyncio.sleep(0.001)
            with queue.admit(4) as leaves:
                given_up = [await leaves.put("gone", 2), await leaves.put("gone too", 2)]
            assert queue.waiting_tokens == 0
            assert all(one.cancelled() for one in given_up)
            after = await stays.put("after", 1)
            read.gate.set()
            await asyncio.gather(coming, after)

    with_batcher(work, read, heard)
    assert read.seen == [["stays"], ["after"]]
    assert heard.gone == 2


def test_a_text_that_cannot_be_read_spoils_no_other():
    read = Reading(gate=False)

    async def work(queue):
        with queue.admit(4) as job:
            first = await job.put("first", 1)
            while not read.seen:
                await asyncio.sleep(0.001)
            coming = [first] + [await job.put(text, 1) for text in ("good", "broken", "too")]
            read.gate.set()
            return await asyncio.gather(*coming, return_exceptions=True)

    first, good, broken, too = with_batcher(work, read)
    assert [int(one[0]) for one in (first, good, too)] == [5, 4, 3]
    assert isinstance(broken, RefusedError)
    assert broken.status == 500
    assert "broken" not in broken.sentence
