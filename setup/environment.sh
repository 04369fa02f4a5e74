# shellcheck shell=sh
# Read by ./weft and ./check, which set `root`: what the build may keep outside the checkout.

export XDG_CACHE_HOME="${XDG_CACHE_HOME:-$HOME/.cache}"
cache="$XDG_CACHE_HOME/weft"

# A second clone compiles the same text under another path: ccache then takes it from the first.
export CCACHE_DIR="${CCACHE_DIR:-$cache/ccache}"
export CCACHE_BASEDIR="$root"
export CCACHE_NOHASHDIR=1
export CARGO_TARGET_DIR="$cache/cargo"
export WEFT_CHECKOUT="$root"  # rust/build.rs says why
export PYTHONDONTWRITEBYTECODE=1

# rustup's cargo is there even where no login shell has put it on the path.
if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
  PATH="$PATH:$HOME/.cargo/bin"
fi
# ... and where HOME is another one than rustup was installed for.
beside_cargo="$(dirname "$(command -v cargo || echo /)")/../../.rustup"
if [ ! -d "${RUSTUP_HOME:-$HOME/.rustup}" ] && [ -d "$beside_cargo" ]; then
  export RUSTUP_HOME="$beside_cargo"
fi
if ! command -v python3 >/dev/null; then
  echo "Python 3.11 or newer is missing: install it (on Debian: apt-get install python3)." >&2
  exit 1
fi
