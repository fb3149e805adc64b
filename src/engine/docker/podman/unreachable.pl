# Makes networks (`address/bits`) unreachable in the network of a container on Podman. Numbers, since names need modules,
# which not every image has: see netlink(7) and rtnetlink(7).
use strict;
my ($AF_INET, $AF_NETLINK, $SOCK_RAW) = (2, 16, 3);
my ($RTM_NEWROUTE, $REQUEST, $ACK, $CREATE, $REPLACE) = (24, 1, 4, 0x400, 0x100);
my ($TABLE_MAIN, $PROTOCOL_STATIC, $SCOPE_UNIVERSE, $UNREACHABLE, $DESTINATION) = (254, 4, 0, 7, 1);
socket(my $socket, $AF_NETLINK, $SOCK_RAW, 0) or die "socket: $!\n";
for (@ARGV) {
    m{^(\d+)\.(\d+)\.(\d+)\.(\d+)/(\d+)$} or die "$_ is no network\n";
    my $route = pack("C8 L", $AF_INET, $5, 0, 0, $TABLE_MAIN, $PROTOCOL_STATIC, $SCOPE_UNIVERSE, $UNREACHABLE, 0);
    my $to = pack("S2 C4", 8, $DESTINATION, $1, $2, $3, $4);
    my $flags = $REQUEST | $ACK | $CREATE | $REPLACE;
    my $message = pack("L S2 L2", 16 + length("$route$to"), $RTM_NEWROUTE, $flags, 1, 0) . $route . $to;
    send($socket, $message, 0, pack("S2 L2", $AF_NETLINK, 0, 0, 0)) or die "send: $!\n";
    defined(recv($socket, my $answer, 4096, 0)) or die "recv: $!\n";
    $! = -unpack("x16 l", $answer) and die "$_: $!\n";
}
