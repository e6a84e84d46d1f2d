"""Connections go from one process to another."""

from __future__ import annotations

import os
import resource
import socket
from collections import deque
from functools import partial
from itertools import repeat

import pytest

from smtpdsl.runtime.net.acceptor import Arrival, Credentials
from smtpdsl.runtime.roles.descriptors import (
    LostConnectionError,
    descriptor_pair,
    receive_connection,
    send_connection,
)

ARRIVAL = Arrival("[2001:db8::1%eth0]", None)


@pytest.mark.parametrize(
    ("number", "arrival"), [(0, ARRIVAL), (300, Arrival("192.0.2.1", "192.0.2.1")), (1, Arrival(None, None))]
)
def test_a_connection_arrives(number: int, arrival: Arrival) -> None:
    """With where it has come to, and from where; who sends it may close it."""
    here, there = descriptor_pair()
    ours, client = socket.socketpair()
    with here, there, client:
        send_connection(here, number, ours, arrival)
        ours.close()
        found = receive_connection(there)
        assert found is not None
        place, connection, came = found
        with connection:
            assert (place, came) == (number, arrival)
            assert not connection.getblocking()
            connection.sendall(b"220 ")
            assert client.recv(10) == b"220 "


def test_each_is_a_datagram_of_its_own() -> None:
    """Several may wait, and then the end of it."""
    here, there = descriptor_pair()
    ours, client = socket.socketpair()
    with there, ours, client:
        for number in range(3):
            send_connection(here, number, ours, ARRIVAL)
        here.close()
        for number in range(3):
            found = receive_connection(there)
            assert found is not None
            found[1].close()
            assert found[0] == number
        assert receive_connection(there) is None


def test_nothing_waits() -> None:
    """Neither for a connection, nor for room, nor for somebody who is gone."""
    here, there = descriptor_pair()
    ours, client = socket.socketpair()
    with here, there, ours, client:
        with pytest.raises(BlockingIOError):
            receive_connection(there)
        with pytest.raises(BlockingIOError):
            deque(map(partial(send_connection, here, 0, ours), repeat(ARRIVAL)), maxlen=0)
        there.close()
        with pytest.raises(ConnectionError):
            send_connection(here, 0, ours, ARRIVAL)


def test_without_a_descriptor_left_it_is_known_who_is_lost() -> None:
    """The gate has to be told."""
    here, there = descriptor_pair()
    ours, client = socket.socketpair()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with here, there, ours, client:
        send_connection(here, 0, ours, ARRIVAL)
        probe = os.dup(0)
        os.close(probe)
        resource.setrlimit(resource.RLIMIT_NOFILE, (probe, hard))
        try:
            with pytest.raises(LostConnectionError) as lost:
                receive_connection(there)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert lost.value.arrival == ARRIVAL


def test_credentials_stay_behind() -> None:
    """They are those of the local socket, and the kernel knows them wherever it is looked at."""
    here, there = descriptor_pair()
    ours, client = socket.socketpair()
    with here, there, ours, client:
        send_connection(here, 0, ours, Arrival(None, None, Credentials(1, 2, 3)))
        found = receive_connection(there)
        assert found is not None
        found[1].close()
        assert found[2] == Arrival(None, None)
