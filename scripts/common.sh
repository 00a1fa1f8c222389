# Sourced by the other scripts: where things are, and how to say something.
#
# Everything that is built, downloaded or started goes under $TARGET; nothing is cached outside the checkout.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/15/bin/pg_config}
PGRX_VERSION=0.18.1

export CARGO_TARGET_DIR=$TARGET
export PGRX_HOME=$TARGET/pgrx
export PATH=$TARGET/tools/bin:$PATH

# A line about what happens now, apart from the output of the tools.
say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }

# Ends the script with a reason.
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# The user a scratch server runs as: Postgres refuses root.
server_user() {
    if [ "$(id -u)" = 0 ]; then echo postgres; else id -un; fi
}

# Runs a command as that user.
as_server_user() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

# The feature that builds for that Postgres: pg15.
pg_feature() { "$PG_CONFIG" --version | sed -E 's/^PostgreSQL ([0-9]+).*/pg\1/'; }

# Points pgrx at the installed Postgres. Written only when it differs: a newer file would make cargo build anew.
configure_pgrx() {
    local wanted
    wanted=$(printf '[configs]\n%s = "%s"\n' "$(pg_feature)" "$PG_CONFIG")
    mkdir -p "$PGRX_HOME"
    [ "$(cat "$PGRX_HOME/config.toml" 2>/dev/null)" = "$wanted" ] || printf '%s\n' "$wanted" >"$PGRX_HOME/config.toml"
}
