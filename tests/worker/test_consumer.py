"""What a worker's connection does when the broker does not take an answer."""

from __future__ import annotations

import gc
from types import SimpleNamespace

import psutil
import pytest
import redis
from kombu.asynchronous import Hub, get_event_loop, set_event_loop

from scorelane.enqueuer import wire
from worker.consumer import CarefulChannel, CarefulConsumer, Discards


@pytest.fixture
def hub():
    before = get_event_loop()
    one = Hub()
    set_event_loop(one)
    yield one
    set_event_loop(before)
    one.close()


def test_an_acknowledgement_that_fails_ends_the_connection(database, hub):
    """Else its task counts as in hand for ever, and a worker that may have one in hand never takes another."""
    app = wire.make_app(database.broker_url)
    with app.connection_for_read() as connection:
        CarefulChannel.discards = Discards(lambda: database.worker_url)
        channel = CarefulChannel(connection.transport)

        def frozen(_tag):
            raise redis.exceptions.TimeoutError("Timeout reading from socket")

        channel.qos.ack = frozen
        with pytest.raises(redis.exceptions.TimeoutError):
            channel.basic_ack("tag")
        loop = hub.create_loop()
        with pytest.raises(redis.exceptions.TimeoutError):
            next(loop)
        channel.close()


@pytest.fixture
def consumer(database, hub):
    """A worker's, of an application of its own."""
    app = wire.make_app(database.broker_url)
    controller = SimpleNamespace(use_eventloop=True)
    return CarefulConsumer(None, app=app, hub=hub, timer=hub.timer, controller=controller)


def test_a_second_failure_is_noticed_as_the_first(consumer, hub):
    """Kombu forgets the loop of a connection that failed; the consumer's next loop must be the one that is told."""
    hub.reset()
    assert get_event_loop() is None
    consumer.create_task_handler()
    assert get_event_loop() is hub


def test_connecting_to_a_full_broker_again_and_again_leaves_nothing_open(database, consumer):
    process = psutil.Process()
    with redis.Redis.from_url(database.broker_url) as broker:
        limit = broker.config_get("maxmemory")["maxmemory"]
        broker.config_set("maxmemory", 1)
        try:
            gc.collect()
            before = process.num_fds()
            for _ in range(5):
                with pytest.raises(redis.exceptions.OutOfMemoryError):
                    consumer.connect()
            assert process.num_fds() <= before
        finally:
            broker.config_set("maxmemory", limit)
