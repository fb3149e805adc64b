# Serves the build that `next-build` made last. Until there is one it waits, and when there is a newer one
# it starts again with that, since `next start` goes on with the build that it has read.

server=
trap 'kill "$server" 2>/dev/null; exit 0' TERM INT

# `next build` removes this file first of all and writes it last of all.
finished() { [ -e .next/export-marker.json ]; }

while :; do
    finished || echo "waiting for the operation next-build"
    until finished; do sleep 1; done
    build=$(cat .next/BUILD_ID)
    node_modules/.bin/next start --port "$PORT" &
    server=$!
    until finished && [ "$(cat .next/BUILD_ID)" != "$build" ]; do
        # Upsun starts this script again.
        kill -0 "$server" 2>/dev/null || exit 1
        sleep 1
    done
    kill "$server"
    wait "$server"
done
