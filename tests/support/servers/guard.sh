# What the server scripts share: start, report, wait for the end of the test run, clean up. Sourced with $folder and $run set.
cd "$folder" || exit 1
exec < /dev/null > "$folder/guard.log" 2>&1
servers=()

stop() {
    trap - EXIT
    # Everything is in memory or thrown away: nobody needs time to say goodbye.
    [ ${#servers[@]} -gt 0 ] && kill -KILL "${servers[@]}"
    wait
    # The reason of a failure stays for whoever waits for it.
    if [ -e failed ]; then find . -mindepth 1 -maxdepth 1 ! -name failed ! -name '*.log' -exec rm -rf {} +; else cd / && rm -rf "$(dirname "$folder")"; fi
    exit 0
}
trap stop EXIT TERM INT HUP

fail() { echo "$1" > failing && mv failing failed; exit 1; }

# The last that everybody said.
said() { tail -n 5 ./*.log; }

# Runs a step of the preparation. When it fails, or a server ends under it, what was said is the reason.
step() {
    local asked ended status
    "$@" > step.log 2>&1 &
    asked=$!
    wait -n -p ended "$asked" "${servers[@]}"
    status=$?
    [ "${ended:-}" = "$asked" ] || fail "a server ended during '$*': $(said)"
    # 124 is what timeout(1) ends with when its time is up.
    [ $status = 0 ] || fail "'$*' ended with $status: $(said)"
}

# Starts a server that dies with this script, however that ends.
serve() {
    local name=$1
    shift
    setpriv --pdeathsig KILL -- "$@" > "$name.out.log" 2>&1 &
    servers+=($!)
}

# Waits up to 60 s until an address answers with whatever status.
answers() {
    for _ in $(seq 600); do
        curl --silent --noproxy '*' --output /dev/null "$1" && return
        for server in "${servers[@]}"; do kill -0 "$server" || fail "a server ended: $(said)"; done
        sleep 0.1
    done
    fail "$1 never answered: $(said)"
}

# Says so, and waits for the end of the run.
ready() {
    touch ready
    tail --pid="$run" -f /dev/null &
    wait $!
    exit 0
}
