# What a trial's other container does: it takes connections for a minute, if the image has the means.
command -v perl >/dev/null || exec sleep 60
exec perl -MIO::Socket::INET -e '
    alarm 60;
    my $server = IO::Socket::INET->new(LocalPort => $ARGV[0], Listen => 5, ReuseAddr => 1) or exit 1;
    while (my $client = $server->accept) { print $client "$ARGV[1]\n"; close $client }' "$1" "$2"
