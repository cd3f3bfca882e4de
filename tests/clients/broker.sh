# shellcheck shell=bash disable=SC2034,SC2154
# Starts and stops one broker process for the scripts beside this file, which source it. Every wait polls for the
# event itself and has a deadline.
#
# The caller sets: weir_binary (path), broker_dir (where logs of brokers go), shards (weir.shards).
# After start_broker: broker_pid, broker_address (HOST:PORT), broker_recovery_ms, broker_log.

ready_deadline_s=${WEIR_READY_DEADLINE_S:-60}
stop_deadline_s=${WEIR_STOP_DEADLINE_S:-60}
broker_pid=""
broker_starts=0

# Nothing is ever written here: reading it with a time limit is a pause without a process.
exec {never}<> <(:)

# poll_until SECONDS COMMAND...: true once COMMAND is; false when it was not in time.
poll_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    read -r -t 0.01 -u "$never" || true
  done
}

process_ended() { ! kill -0 "$1" 2>/dev/null; }

ready_or_dead() { grep -q '^weir ready: ' "$broker_log" || process_ended "$broker_pid"; }

# start_broker DATA_DIR LISTEN [ARGUMENT...]: returns once the ready line stands in the log.
start_broker() {
  local data=$1 listen=$2
  shift 2
  broker_starts=$((broker_starts + 1))
  broker_log=$broker_dir/broker.$broker_starts.log
  : >"$broker_log"  # there before the first look at it
  "$weir_binary" serve --data "$data" --listen "$listen" --http off --set "weir.shards=$shards" "$@" \
    >"$broker_log.out" 2>"$broker_log" &
  broker_pid=$!
  if ! poll_until "$ready_deadline_s" ready_or_dead || ! grep -q '^weir ready: ' "$broker_log"; then
    echo "broker: no ready line within $ready_deadline_s s; its log ends:"
    tail -n 20 "$broker_log"
    kill_broker
    return 1
  fi
  local line
  line=$(grep -m 1 '^weir ready: ' "$broker_log")
  broker_address=$(sed -n 's/.* kafka=\([^ ]*\).*/\1/p' <<<"$line")
  broker_recovery_ms=$(sed -n 's/.* recovery_ms=\([0-9]*\).*/\1/p' <<<"$line")
}

# SIGTERM, then the exit code must be 0.
stop_broker() {
  local pid=$broker_pid code=0
  [[ -n $pid ]] || return 0
  broker_pid=""
  kill -TERM "$pid" 2>/dev/null || true
  if ! poll_until "$stop_deadline_s" process_ended "$pid"; then
    echo "broker: still there $stop_deadline_s s after SIGTERM"
    kill -KILL "$pid" 2>/dev/null || true
    return 1
  fi
  wait "$pid" || code=$?
  ((code == 0)) && return 0
  echo "broker: exit code $code after SIGTERM; its log ends:"
  tail -n 20 "$broker_log"
  return 1
}

kill_broker() {
  [[ -n $broker_pid ]] || return 0
  kill -KILL "$broker_pid" 2>/dev/null || true
  wait "$broker_pid" 2>/dev/null || true
  broker_pid=""
}

# Where the client programs were built: beside the binary, or in the build folders.
find_programs() {
  local candidate
  for candidate in "$(dirname "$weir_binary")/tests/clients" "$repository"/build/{release,dev}/tests/clients; do
    if [[ -x $candidate/check_stream ]]; then
      echo "$candidate"
      return 0
    fi
  done
  echo "the client programs are not built (target client_programs)" >&2
  return 1
}
