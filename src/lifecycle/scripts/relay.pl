# Connects standard input and standard output to a port. The arguments are the host and the port.
#
# Exits with 3 if nothing answers there, with the reason on standard error. Otherwise standard error gets one line,
# the number of bytes on standard output, once the other side has sent everything: the other side may go on reading,
# and the two streams arrive in no fixed order.
use strict;
use Socket qw(:DEFAULT :addrinfo SHUT_WR IPPROTO_TCP TCP_NODELAY);

my ($host, $port) = @ARGV;
my ($wrong, @found) = getaddrinfo($host, $port, { socktype => SOCK_STREAM });
my $socket;
for my $address (@found) {
    socket(my $candidate, $address->{family}, SOCK_STREAM, 0) or do { $wrong = $!; next };
    if (connect($candidate, $address->{addr})) { $socket = $candidate; last }
    $wrong = $!;
}
unless ($socket) { print STDERR "$wrong\n"; exit 3 }
setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1);
$SIG{PIPE} = 'IGNORE';

sub pass {
    my ($from, $to) = @_;
    my $total = 0;
    while (1) {
        my $read = sysread($from, my $bytes, 65536);
        next if !defined $read && $!{EINTR};
        last unless $read;
        for (my $at = 0; $at < $read;) {
            my $written = syswrite($to, $bytes, $read - $at, $at);
            next if !defined $written && $!{EINTR};
            return $total unless defined $written;
            $at += $written;
            $total += $written;
        }
        # Once nothing more can come in, a server that says nothing for an hour has forgotten this connection.
        alarm 3600 if $main::has_ended;
    }
    return $total;
}

our $has_ended = 0;
$SIG{CHLD} = sub { $has_ended = 1; alarm 3600 };
my $child = fork // die "fork: $!\n";
unless ($child) {
    pass(\*STDIN, $socket);
    shutdown($socket, SHUT_WR);
    exit 0;
}
close STDIN;
my $total = pass($socket, \*STDOUT);
print STDERR "$total\n";
waitpid($child, 0) unless $has_ended;
