#!/usr/bin/env bash
# Makes a fresh Debian 12 able to build, test and run everything: packages, Go, a Docker engine. It says what it does, does only
# what is missing, and may be run again at any time. Where it is not run by root it uses sudo.
set -euo pipefail
cd "$(dirname "$0")/.."

# The programs of the lab: they become the container image on machines without an image registry.
LAB_PACKAGES=(nfs-ganesha nfs-ganesha-vfs rpcbind tgt sanlock qemu-utils qemu-system-common qemu-block-extra nftables iproute2 procps iputils-ping)
# Program:package, installed only where the program is missing. gcc and libc6-dev are for the race detector; ca-certificates, added below,
# for the Go module proxy.
TOOLS=(dockerd:docker.io make:make git:git gcc:gcc python3:python3 ldd:libc-bin ps:procps patch:patch ping:iputils-ping)
# Where an engine that this script starts keeps its log and process id.
ENGINE_RUN=/run/holdfast-ci

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }

SUDO=()
if [ "$(id -u)" != 0 ]; then
  if command -v sudo > /dev/null; then SUDO=(sudo); else SUDO=(no_root); fi
fi
no_root() { fail "this needs root and there is no sudo: $*; run ci/setup.sh once as root"; }

export PATH="$PATH:/usr/local/go/bin:/usr/sbin:/sbin"

# --- packages -------------------------------------------------------------------------------------------------------------

missing_packages() {
  local pair
  for pair in "${TOOLS[@]}"; do
    command -v "${pair%%:*}" > /dev/null || echo "${pair#*:}"
  done
  for pair in "${LAB_PACKAGES[@]}" libc6-dev ca-certificates; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$pair" 2> /dev/null)" = installed ] || echo "$pair"
  done
}

# apt_install installs without recommends, and without any package starting its service: the lab runs them in containers.
apt_install() {
  local policy=/usr/sbin/policy-rc.d made=""
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${SUDO[@]}" tee "$policy" > /dev/null
    "${SUDO[@]}" chmod 755 "$policy"
    made=yes
  fi
  local status=0
  "${SUDO[@]}" apt-get -qq -o DPkg::Lock::Timeout=120 update || status=$?
  [ "$status" != 0 ] || "${SUDO[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@" > /dev/null || status=$?
  [ -z "$made" ] || "${SUDO[@]}" rm -f "$policy"
  [ "$status" = 0 ] || fail "apt-get failed (see above); check the package sources and the network, then run ci/setup.sh again"
}

# No server of the lab should come up at the next boot of somebody's machine because of this script.
disable_services() {
  [ -d /run/systemd/system ] || return 0
  local unit
  for unit in nfs-ganesha nfs-ganesha-lock rpcbind.socket rpcbind tgt sanlock wdmd; do
    "${SUDO[@]}" systemctl disable --quiet "$unit" 2> /dev/null || true
  done
}

packages() {
  local missing
  mapfile -t missing < <(missing_packages | sort -u)
  if [ "${#missing[@]}" = 0 ]; then
    say "packages: all there"
    return
  fi
  command -v apt-get > /dev/null ||
    fail "not Debian, so these must come from elsewhere: ${missing[*]}; with a Docker engine, make, gcc and Go alone the image can be built by HOLDFAST_IMAGE_BASE=debian:bookworm-slim make images"
  say "packages: installing ${missing[*]} (apt, without recommends, no service is started)"
  apt_install "${missing[@]}"
  disable_services
}

# --- Go -------------------------------------------------------------------------------------------------------------------

go_wanted() { awk '$1 == "toolchain" { sub(/^go/, "", $2); t = $2 } $1 == "go" && !g { g = $2 } END { print t ? t : g }' go.mod; }

# go_new_enough GO: its own version, not one that it would fetch, is at least the wanted one.
go_new_enough() {
  local have
  have=$(GOTOOLCHAIN=local GOFLAGS='' "$1" env GOVERSION 2> /dev/null) || return 1
  have=${have#go}
  [ "$(printf '%s\n%s\n' "$(go_wanted)" "${have%% *}" | sort -V | head -1)" = "$(go_wanted)" ]
}

# fetch_toolchain GO DIR: Go's own distribution as the module golang.org/toolchain, checked against the checksum database by the
# go command, whatever its age.
fetch_toolchain() {
  local go=$1 dir=$2 version module cache arch
  arch=$("$go" env GOARCH)
  version="v0.0.1-go$(go_wanted).linux-$arch"
  module=golang.org/toolchain
  cache=$(mktemp -d)
  # Outside of any module, so that an old go command does not trip over go.mod.
  (cd "$cache" && GOTOOLCHAIN=local GO111MODULE=on GOFLAGS=-modcacherw GOMODCACHE="$cache/mod" "$go" mod download "$module@$version") ||
    { rm -rf "$cache"; fail "Go $(go_wanted) could not be fetched through the module proxy ($("$go" env GOPROXY)); install it by hand and run ci/setup.sh again"; }
  "${SUDO[@]}" mkdir -p "$(dirname "$dir")"
  "${SUDO[@]}" rm -rf "$dir"
  "${SUDO[@]}" cp -r "$cache/mod/$module@$version" "$dir"
  # Modules carry no executable bits.
  "${SUDO[@]}" chmod -R u+w,a+rX "$dir"
  "${SUDO[@]}" find "$dir/bin" "$dir/pkg/tool" -type f -exec chmod a+x {} +
  rm -rf "$cache"
}

install_go() {
  local go found=""
  for go in "$(command -v go || true)" /usr/local/go/bin/go; do
    [ -n "$go" ] && [ -x "$go" ] || continue
    if go_new_enough "$go"; then
      say "Go: $("$go" env GOVERSION) at $go"
      return
    fi
    found=$go
  done
  if [ -z "$found" ]; then
    say "Go: missing; installing golang-go (apt) to fetch Go $(go_wanted) with"
    apt_install golang-go
    found=$(command -v go)
  fi
  local dir
  dir=/usr/local/lib/go-$(go_wanted)
  say "Go: $("$found" env GOVERSION) at $found is older than go.mod wants; fetching Go $(go_wanted) into $dir, linked from /usr/local/bin"
  fetch_toolchain "$found" "$dir"
  "${SUDO[@]}" ln -sf "$dir/bin/go" "$dir/bin/gofmt" /usr/local/bin/
  hash -r
  go_new_enough /usr/local/bin/go || fail "Go at /usr/local/bin/go is still not $(go_wanted)"
  case "$(command -v go)" in
    /usr/local/bin/go) ;;
    *) say "Go: $(command -v go) comes before /usr/local/bin in PATH; put /usr/local/bin first" ;;
  esac
}

# --- Docker engine --------------------------------------------------------------------------------------------------------

engine_answers() { docker version > /dev/null 2>&1; }

wait_for_engine() {
  local i
  for i in $(seq 150); do
    if "${SUDO[@]}" docker version > /dev/null 2>&1; then return 0; fi
    sleep 0.2
  done
  return 1
}

# mount_cgroups is for machines whose first process is not systemd.
mount_cgroups() {
  if grep -q ' /sys/fs/cgroup' /proc/mounts; then return 0; fi
  say "engine: mounting the control groups at /sys/fs/cgroup"
  "${SUDO[@]}" mount -t cgroup2 cgroup2 /sys/fs/cgroup
}

# forget_dead FILE PROGRAM removes the process id file that a killed engine left. Its number may be somebody else's by now, or that
# of a process which has ended and was not collected yet; the engine would take either for its own and wait for it in vain.
forget_dead() {
  local file=$1 program=$2 pid
  pid=$("${SUDO[@]}" cat "$file" 2> /dev/null) || return 0
  if [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = "$program" ] && ! grep -q '^State:.Z' "/proc/$pid/status" 2> /dev/null; then return 0; fi
  say "engine: $file is of a $program that has ended; removing it"
  "${SUDO[@]}" rm -f "$file"
}

start_engine() {
  if [ -d /run/systemd/system ]; then
    say "engine: starting the service docker"
    "${SUDO[@]}" systemctl start docker || fail "the service docker did not start; see: journalctl -u docker"
  else
    say "engine: starting dockerd (log $ENGINE_RUN/dockerd.log, process id $ENGINE_RUN/dockerd.pid)"
    mount_cgroups
    forget_dead /run/docker/containerd/containerd.pid containerd
    forget_dead /run/docker.pid dockerd
    forget_dead "$ENGINE_RUN/dockerd.pid" dockerd
    "${SUDO[@]}" mkdir -p "$ENGINE_RUN"
    # The group of the socket is the caller's, so that no new log-in is needed. cgroupfs, because there is no systemd to ask.
    "${SUDO[@]}" sh -c 'setsid nohup dockerd --exec-opt native.cgroupdriver=cgroupfs --group "$1" --pidfile "$2/dockerd.pid" \
      > "$2/dockerd.log" 2>&1 < /dev/null &' sh "$(id -g)" "$ENGINE_RUN"
  fi
  if wait_for_engine; then return 0; fi
  [ ! -r "$ENGINE_RUN/dockerd.log" ] || tail -n 5 "$ENGINE_RUN/dockerd.log" >&2
  fail "the Docker engine did not answer within 30 s; see its log"
}

engine() {
  if engine_answers; then
    say "engine: Docker $(docker version -f '{{.Server.Version}}') answers"
    return
  fi
  if [ -n "${DOCKER_HOST:-}" ]; then fail "the Docker engine at DOCKER_HOST=$DOCKER_HOST does not answer; start it, or unset DOCKER_HOST"; fi
  "${SUDO[@]}" docker version > /dev/null 2>&1 || start_engine
  if engine_answers; then
    say "engine: Docker $(docker version -f '{{.Server.Version}}') answers"
  else
    say "engine: adding $(id -un) to the group docker, which is as good as root on this machine"
    "${SUDO[@]}" usermod -aG docker "$(id -un)"
    fail "a Docker engine runs, but $(id -un) may not use it before the next log-in; log in again, or: newgrp docker"
  fi
}

packages
install_go
engine
