"""A Bluetooth controller of bumble's that does what a real one does where bumble's leaves it out."""

from __future__ import annotations

from collections.abc import Callable

from bumble import hci
from bumble.controller import Connection, Controller
from bumble.core import PhysicalTransport
from bumble.link import LocalLink

RSSI = -61  # dBm


class VirtualController(Controller):
    """Knows RSSI, reset, the end of an attempt to connect and the loss of a link, and can be made to misbehave."""

    def __init__(self, name: str, link: LocalLink, address: str, host: object = None, sink: object = None) -> None:
        public = hci.Address(address, hci.Address.PUBLIC_DEVICE_ADDRESS)
        super().__init__(name, host, sink, link, public)
        # bumble says "from my random address" in every packet, also where the connection is by the public one.
        self.random_address = public
        self.pdu_passed: Callable[[hci.Address, bytes], None] = lambda _sender, _pdu: None  # on its way to the host
        self.deaf = False  # hung: takes commands and does nothing
        self.connects = True

    # -- what may happen to it --

    def lose_links(self) -> None:
        """Out of reach: both ends hear of it, as they do when nothing has come for the supervision timeout."""
        for connection in list(self.le_connections.values()):
            self._tell_peer(connection)
            self.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)

    def forget(self) -> None:
        """What a reset does. The host is told nothing."""
        for connection in self.le_connections.values():
            self._tell_peer(connection)
        self.le_connections.clear()
        self.pending_le_connection = None
        self.le_scan_enable = False

    def _tell_peer(self, connection: Connection) -> None:
        peer = self.link.find_le_controller(connection.peer_address)
        there = peer and peer.le_connections.get(connection.self_address)
        if peer and there:
            peer.on_le_disconnected(there, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)

    def on_link_acl_data(self, sender_address: hci.Address, transport: PhysicalTransport, data: bytes) -> None:
        if sender_address in self.le_connections:
            self.pdu_passed(sender_address, data)
        super().on_link_acl_data(sender_address, transport, data)

    # -- commands --

    def on_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if not self.deaf:
            super().on_hci_packet(packet)

    def on_hci_reset_command(self, command: hci.HCI_Reset_Command) -> hci.HCI_StatusReturnParameters:
        self.forget()
        return super().on_hci_reset_command(command)

    def on_hci_read_rssi_command(self, command: hci.HCI_Read_RSSI_Command) -> hci.HCI_Read_RSSI_ReturnParameters:
        known = self.find_connection_by_handle(command.handle) is not None
        status = hci.HCI_ErrorCode.SUCCESS if known else hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR
        return hci.HCI_Read_RSSI_ReturnParameters(status, command.handle, RSSI if known else 0)

    def on_hci_disconnect_command(self, command: hci.HCI_Disconnect_Command) -> None:
        if self.find_connection_by_handle(command.connection_handle) is None:
            error = hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR
            return self._send_hci_command_status(error, command.op_code)
        return super().on_hci_disconnect_command(command)

    def on_hci_le_create_connection_cancel_command(
        self, command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        self.send_hci_packet(
            hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=hci.AddressType(pending.peer_address.address_type),
                peer_address=pending.peer_address,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            )
        )
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def create_le_connection(self, peer_address: hci.Address) -> None:
        if self.connects:
            super().create_le_connection(peer_address)
