# shellcheck shell=bash disable=SC2154
# The client cases, one function each: case_NAME. A case returns 0 (passed), 77 (skipped, with the reason printed) or
# anything else (failed). Sourced by tests/clients/run, which sets: programs, seed, count (records of a kcat case), size
# (quick or full), case_dir (a directory of the case's own), bootstrap (a running broker, or empty), rss_limit_mib.

readonly kSkipped=77
readonly kcat_deadline_s=600

codec_bits() { case $1 in none) echo 0 ;; gzip) echo 1 ;; snappy) echo 2 ;; lz4) echo 3 ;; zstd) echo 4 ;; esac; }

skip() {
  echo "skipped: $*"
  return $kSkipped
}

# Sets `address`: the given broker's, or that of a fresh one with an empty data directory.
open_broker() {
  address=$bootstrap
  [[ -n $address ]] && return 0
  start_broker "$case_dir/data" 127.0.0.1:0 "$@" || return 1
  address=$broker_address
}

needs_own_broker() { [[ -z $bootstrap ]] || skip "needs a broker of its own"; }
needs_librdkafka() { [[ -x $programs/make_topic ]] || skip "librdkafka-dev is missing"; }
needs_kcat() { command -v kcat >/dev/null || skip "kcat is missing"; }

client() { timeout "$kcat_deadline_s" kcat -b "$address" -q "$@"; }

# produce_stream TOPIC CODEC VALUE_BYTES
produce_stream() {
  "$programs/check_stream" generate --count "$count" --value-bytes "$3" --seed "$seed" |
    client -P -t "$1" -K '\t' -z "$2" -X acks=all -X enable.idempotence=true
}

# consume_stream TOPIC VALUE_BYTES
consume_stream() {
  client -C -t "$1" -o beginning -e -f '%p\t%o\t%k\t%s\n' |
    "$programs/check_stream" verify --count "$count" --value-bytes "$2" --seed "$seed" --partitions 6
}

# The first batch of at least one partition carries CODEC: the broker did not talk the client out of compressing.
stored_with_codec() {
  local topic=$1 bits log stored=""
  bits=$(codec_bits "$2")
  for log in "$case_dir/data/$topic"-*/00000000000000000000.log; do
    stored+=" $(($(od -An -tu1 -j22 -N1 "$log") & 7))"
  done
  [[ " $stored " == *" $bits "* ]] && return 0
  echo "codec bits of the first batches: $stored, none is $bits"
  return 1
}

# kcat_round_trip CODEC VALUE_BYTES: six partitions, idempotent, acks=all, there and back.
kcat_round_trip() {
  local codec=$1 value_bytes=$2 topic=stream-$1-$2-$seed
  needs_kcat && needs_librdkafka || return
  open_broker || return 1
  "$programs/make_topic" "$topic" --bootstrap "$address" --partitions 6 || return 1
  produce_stream "$topic" "$codec" "$value_bytes" || return 1
  consume_stream "$topic" "$value_bytes" || return 1
  [[ -n $bootstrap ]] || stored_with_codec "$topic" "$codec"
}

case_kcat_none_100B() { kcat_round_trip none 100; }
case_kcat_gzip_100B() { kcat_round_trip gzip 100; }
case_kcat_snappy_100B() { kcat_round_trip snappy 100; }
case_kcat_lz4_100B() { kcat_round_trip lz4 100; }
case_kcat_zstd_100B() { kcat_round_trip zstd 100; }
case_kcat_none_1KB() { kcat_round_trip none 1000; }
case_kcat_gzip_1KB() { kcat_round_trip gzip 1000; }
case_kcat_snappy_1KB() { kcat_round_trip snappy 1000; }
case_kcat_lz4_1KB() { kcat_round_trip lz4 1000; }
case_kcat_zstd_1KB() { kcat_round_trip zstd 1000; }

# A topic that nobody created comes to be by the first produce, with the broker's default count of partitions.
case_kcat_auto_create() {
  local count=10000 listed
  needs_own_broker && needs_kcat || return
  open_broker --set num.partitions=6 || return 1
  produce_stream from-nothing lz4 100 || return 1
  listed=$(client -L -t from-nothing) || return 1
  grep -q 'topic "from-nothing" with 6 partitions' <<<"$listed" || { echo "$listed" && return 1; }
  consume_stream from-nothing 100
}

# kcat asks ListOffsets: the end, and the first record not older than a time.
case_kcat_offset_query() {
  local topic=query-$seed answer
  needs_kcat && needs_librdkafka || return
  open_broker || return 1
  "$programs/make_topic" "$topic" --bootstrap "$address" --partitions 1 || return 1
  printf 'one\ntwo\nthree\n' | client -P -t "$topic" -p 0 -X acks=all -X enable.idempotence=true || return 1
  answer=$(client -Q -t "$topic:0:-1") || return 1
  grep -q 'offset 3$' <<<"$answer" || { echo "latest: $answer" && return 1; }
  answer=$(client -Q -t "$topic:0:-2") || return 1
  grep -q 'offset 0$' <<<"$answer" || { echo "earliest: $answer" && return 1; }
  answer=$(client -Q -t "$topic:0:1000000000000") || return 1
  grep -q 'offset 0$' <<<"$answer" || { echo "by time: $answer" && return 1; }
}

# Keys, headers, empty and null values come back as they were sent.
case_kcat_headers_and_nulls() {
  local topic=odd-$seed got want
  needs_kcat && needs_librdkafka || return
  open_broker || return 1
  "$programs/make_topic" "$topic" --bootstrap "$address" --partitions 1 || return 1
  printf 'a:first\nb:\n:third\n' |
    client -P -t "$topic" -p 0 -K : -Z -H one=1 -H two=second -z zstd -X acks=all -X enable.idempotence=true || return 1
  got=$(client -C -t "$topic" -o beginning -e -f '%o|%K|%k|%S|%s|%h\n') || return 1
  want=$'0|1|a|5|first|one=1,two=second\n1|1|b|-1||one=1,two=second\n2|-1||5|third|one=1,two=second'
  [[ $got == "$want" ]] && return 0
  printf 'sent:\n%s\ncame:\n%s\n' "$want" "$got"
  return 1
}

# A clean stop and a new start lose nothing and move nothing.
case_clean_restart() {
  local topic=restart-$seed count=50000
  needs_own_broker && needs_kcat && needs_librdkafka || return
  open_broker || return 1
  "$programs/make_topic" "$topic" --bootstrap "$address" --partitions 6 || return 1
  produce_stream "$topic" snappy 100 || return 1
  stop_broker || return 1
  start_broker "$case_dir/data" "$address" || return 1
  consume_stream "$topic" 100
}

# A second broker on the same data directory says so, exits with 1, and the first one goes on.
case_second_instance() {
  local code=0 log=$case_dir/second.log
  needs_own_broker && needs_kcat || return
  open_broker || return 1
  timeout "$ready_deadline_s" "$weir_binary" serve --data "$case_dir/data" --listen 127.0.0.1:0 --http off >"$log" 2>&1 || code=$?
  if ((code != 1)) || [[ ! -s $log ]]; then
    echo "exit code $code, output:"
    cat "$log"
    return 1
  fi
  client -L >/dev/null
}

# The judges see what they are there for: a stream with one fault must not pass.
case_judges_can_fail() {
  local good=$case_dir/stream fault
  local options=(--count 3000 --value-bytes 100 --seed "$seed")
  "$programs/check_stream" generate "${options[@]}" | awk '{ print NR % 6 "\t" int((NR - NR % 6) / 6) - (NR % 6 == 0) "\t" $0 }' >"$good"
  "$programs/check_stream" verify "${options[@]}" <"$good" || return 1
  # shellcheck disable=SC2016  # $d is sed's last line
  for fault in '1000d' '1000p' '1000{h;d};1006{p;x}' '1000s/[.]/,/' '1000s/k/j/' '$d'; do
    sed "$fault" "$good" >"$case_dir/faulty"
    if "$programs/check_stream" verify "${options[@]}" <"$case_dir/faulty" 2>/dev/null; then
      echo "check_stream did not see: sed '$fault'"
      return 1
    fi
  done
  echo "check_stream saw each of 6 faults"
}

case_kill9_cycles() {
  local cycles=3
  [[ $size == full ]] && cycles=20
  needs_own_broker && needs_librdkafka || return
  "$clients_dir/kill9_cycles" --binary "$weir_binary" --programs "$programs" --shards "$shards" --cycles "$cycles" --seed "$seed"
}

case_pipeline() {
  local pairs=500
  [[ $size == full ]] && pairs=10000
  open_broker || return 1
  "$programs/pipeline" --bootstrap "$address" --topic "pipeline-$seed" --pairs "$pairs" --seed "$seed"
}

# Small segments and frequent checkpoints: rolling and flushing meet everything else.
case_crowd() {
  local batches=300
  [[ $size == full ]] && batches=5000
  open_broker --set log.segment.bytes=1048576 --set log.flush.offset.checkpoint.interval.ms=100 || return 1
  "$programs/crowd" --bootstrap "$address" --topic "crowd-$seed" --batches "$batches" --seed "$seed"
}

case_hostile() {
  local rounds=100 memory=()
  [[ $size == full ]] && rounds=2000
  open_broker || return 1
  [[ -n $bootstrap || $rss_limit_mib == off ]] || memory=(--pid "$broker_pid" --rss-limit-mib "$rss_limit_mib")
  # shellcheck disable=SC2086  # WEIR_HOSTILE_ARGUMENTS is a list of words
  "$programs/hostile" --bootstrap "$address" --rounds "$rounds" --seed "$seed" "${memory[@]}" ${WEIR_HOSTILE_ARGUMENTS:-}
}
