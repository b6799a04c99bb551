# Read with `.` by bin/test: runs the chosen jobs side by side and counts.
# shellcheck shell=sh
# shellcheck disable=SC2154 # cache, logs, jobs and the rest are set by bin/test and bin/lib.sh

# run_job JOB: runs in a subshell; writes "PASSED FAILED SECONDS" to $logs/JOB.result
run_job() {
    job=$1
    log=$logs/$job.log
    start=$(seconds)
    case $job in
        scenario:*)
            scenario=${job#scenario:}
            core=${scenario#*:}
            scenario=${scenario%:*}
            if [ "$core" = lowest ]; then tools_environment "$venv_lowest"; else tools_environment "$venv_highest"; fi
            remove_hosts "$scenario"
            # without colons: hosts mount what is in it
            folder=$cache/molecule/$scenario-$core
            rm -rf "$folder" && mkdir -p "$folder"
            export MLFLOW_TEST_JUNIT="$logs/$job.xml" ANSIBLE_HOME="$folder/ansible" MOLECULE_EPHEMERAL_DIRECTORY="$folder/run"
            within_time molecule --base-config "$root/.config/molecule/config.yml" test --scenario-name "$scenario" --destroy always
            status=$?
            # playbooks that a test killed leave workers, which have sessions of their own
            for file in /proc/[0-9]*/cmdline; do
                ! grep -aqs "$folder/run/" "$file" || kill "$(echo "$file" | cut -d/ -f3)" 2> /dev/null
            done
            remove_hosts "$scenario"
            counts=$(python "$root/tests/scenario_result.py" "$scenario" "$MLFLOW_TEST_JUNIT" "$log" "$status" | tee "$logs/$job.faults" | tail -n 1)
            sed '$d' "$logs/$job.faults"
            ;;
        *)
            tools_environment "$venv_highest"
            export CHECK_JUNIT="$logs/$job.xml" ANSIBLE_HOME="$cache/ansible-$job"
            if [ "$job" = benchmarks ]; then
                within_time "$root/benchmarks/smoke"
            else
                within_time "$root/tests/checks/$job"
            fi
            status=$?
            counts=$(python "$root/tests/check_result.py" "$CHECK_JUNIT" "$status")
            ;;
    esac
    echo "${counts:-0 1} $(($(seconds) - start))" > "$logs/$job.part"
    mv "$logs/$job.part" "$logs/$job.result"
}

within_time() {
    timeout --kill-after=60 "${BIN_TEST_TIMEOUT:-3600}" "$@" &
    echo $! > "$logs/$job.pid"
    wait $!
}

# remove_hosts SCENARIO: whatever Molecule left of a scenario, by the names that its platforms and networks must have
remove_hosts() {
    for id in $(docker ps -aq --filter label=owner=molecule --filter "name=^/?mlflow-$1-"); do docker rm -fv "$id" > /dev/null; done
    for id in $(docker network ls -q --filter "name=^mlflow-$1-"); do docker network rm "$id" > /dev/null; done
}

side_by_side() {
    cores=$(nproc)
    free=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
    if [ "$cores" -gt 1 ] && [ "${free:-0}" -gt 8000000 ]; then echo 2; else echo 1; fi
}

# busy SCENARIO: two runs of one scenario would share its hosts' names
busy() {
    case " $running " in
        *" scenario:$1:"*) return 0 ;;
    esac
    return 1
}

# late: whether no more is to be begun
late() { [ -n "${BIN_TEST_MINUTES:-}" ] && [ $(($(seconds) - begin)) -ge $((BIN_TEST_MINUTES * 60)) ]; }

# start_jobs JOB...: one after the other, in the background and in one of the places; run_jobs waits for them
start_jobs() {
    say "  start   $(for job in "$@"; do title "$job"; done | paste -sd+ | sed 's/+/, then /g')"
    for job in "$@"; do
        # a subshell of its own: what one sets, the next must not see
        [ -f "$logs/stop" ] || (run_job "$job") > "$logs/$job.log" 2>&1 < /dev/null
    done 9>&- &
    running="${running:+$running }$(echo "$*" | tr ' ' '+')"
}

# run_jobs JOB...: those, and whichever run already
run_jobs() {
    most=${BIN_TEST_JOBS:-$(side_by_side)} waiting=$*
    while [ -n "$waiting$running" ]; do
        still=
        for job in $waiting; do
            name=${job#scenario:}
            if late; then say "  LEFT    $(title "$job"): not run, the $BIN_TEST_MINUTES minutes are over" && continue; fi
            # a benchmark measures time: nothing runs beside it
            if [ "$(echo "$running" | wc -w)" -ge "$most" ] || busy "${name%:*}" || { [ "$job" = benchmarks ] && [ -n "$running" ]; } ||
                [ "$running" = benchmarks ]; then still="$still $job"; else start_jobs "$job"; fi
        done
        waiting=${still# }
        sleep 1
        still=
        for chain in $running; do
            rest=
            for job in $(echo "$chain" | tr '+' ' '); do
                if [ -f "$logs/$job.result" ]; then report "$job"; else rest="$rest+$job"; fi
            done
            [ -z "$rest" ] || still="$still ${rest#+}"
        done
        running=${still# }
    done
}

title() {
    echo "$1" | sed 's/^scenario:\(.*\):\(.*\)$/scenario \1, \2 core/'
}

report() {
    read -r good bad took < "$logs/$1.result"
    passed=$((passed + good))
    failed=$((failed + bad))
    printf '  %-6s  %-34s %5s s  %s passed, %s failed\n' "$([ "$bad" = 0 ] && echo ok || echo FAILED)" "$(title "$1")" "$took" "$good" "$bad"
    [ "$bad" = 0 ] || show_log "$logs/$1.log"
}

# finish: also after Ctrl-C. Nothing that was started here stays: no process, no host, no engine of our own.
finish() {
    status=$?
    trap - EXIT INT TERM HUP
    # shellcheck disable=SC2046 # a list of words
    set -- $(echo "${running:-}" | tr '+' ' ')
    # nobody of a chain starts what comes next
    : > "$logs/stop"
    for job in "$@"; do
        [ -f "$logs/$job.result" ] || kill "$(cat "$logs/$job.pid" 2> /dev/null)" 2> /dev/null
    done
    wait
    for job in "$@"; do
        case $job in
            scenario:*)
                name=${job#scenario:}
                remove_hosts "${name%:*}" ;;
        esac
        say "  stopped $(title "$job")"
    done
    [ "$engine_started" = no ] || stop_own_engine
    say "took $(($(seconds) - begin)) s"
    say "$passed passed, $failed failed"
    if [ "$failed" -gt 0 ] || [ "$passed" = 0 ]; then exit 1; fi
    exit "$status"
}
