"""A name server for the demo's few names; dnspython does the wire format."""

from __future__ import annotations

import asyncio
from typing import Final, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from govnet.demo.files import host_name
from govnet.demo.plan import City

TTL_S: Final = 60


class NameServer(asyncio.DatagramProtocol):
    """Answers A questions for the carried applications, NXDOMAIN for anything else."""

    def __init__(self, city: City, port: int) -> None:
        self._address = (str(city.resolver), port)
        self._names = {
            dns.name.from_text(host_name(application)): str(application.address)
            for application in city.applications
        }
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=self._address)

    def stop(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket to answer on."""
        # asyncio's own transport does not derive from DatagramTransport before Python 3.12.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        """Answer one question; what is not a question gets no answer."""
        try:
            query = dns.message.from_wire(data)
        except (dns.exception.DNSException, ValueError):
            return
        if self._transport is not None and not query.flags & dns.flags.QR and query.question:
            self._transport.sendto(self.answer(query).to_wire(), addr)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """The response to a query."""
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        question = query.question[0]
        address = self._names.get(question.name)
        if address is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.A:
            response.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", "A", address))
        return response
