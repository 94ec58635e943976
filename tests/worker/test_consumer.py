"""What a worker's connection does when the broker does not take an answer."""

from __future__ import annotations

import pytest
import redis.exceptions
from kombu.asynchronous import Hub, get_event_loop, set_event_loop

from scorelane.enqueuer import wire
from worker.consumer import CarefulChannel, Discards


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
