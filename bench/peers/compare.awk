# compare.awk GOALS SKIPPED ROWS: medians over all rounds, each peer beside us, and the goals (of rows that
# have `only` in their name).

function text_field(key,    from) { # of the JSON line $0
    if (!match($0, "\"" key "\": ?\"[^\"]*\"")) return ""
    from = substr($0, RSTART, RLENGTH)
    sub(/^[^:]*: ?"/, "", from)
    sub(/"$/, "", from)
    return from
}
function median(key,    values, n, i, j, t) {
    n = split(samples[key], values, " ")
    for (i = 2; i <= n; i++) { # few: insertion sort
        t = values[i] + 0
        for (j = i - 1; j > 0 && values[j] + 0 > t; j--) values[j + 1] = values[j]
        values[j + 1] = t
    }
    return n == 0 ? "" : n % 2 ? values[(n + 1) / 2] + 0 : (values[n / 2] + values[n / 2 + 1]) / 2
}
function show(value) { return value >= 1000 ? sprintf("%.0f", value) : sprintf("%.4g", value) }
function quoted(text) { gsub(/["\\]/, "\\\\&", text); return "\"" text "\"" }

FILENAME ~ /goals.txt$/ {
    if (/^[^#]/) { goals++; goal_row[goals] = $1; goal_limit[goals] = $2; goal_peer[goals] = $3
                   goal_other[goals] = NF > 3 ? $4 : $1 }
    next
}
FILENAME ~ /skipped$/ {
    split($0, part, "\t")
    why[part[1]] = part[2]
    next
}
/"gave_up"/ { gave_up[text_field("peer"), text_field("name")] = text_field("gave_up") }
/"name"/ && !/"gave_up"/ {
    peer = text_field("peer")
    if (peer == "") peer = "concur"
    name = text_field("name")
    if (!(name in seen)) { seen[name] = 1; names[++rows] = name }
    if (!(peer in version)) { order[++count] = peer; version[peer] = text_field("version") }
    unit[name] = text_field("unit")
    if (text_field("verified") == "length") other_order[peer, name] = 1
    list = $0
    sub(/.*"samples": ?\[/, "", list)
    sub(/\].*/, "", list)
    gsub(/,/, " ", list)
    samples[peer, name] = samples[peer, name] " " list
}

function print_versions(    i) {
    for (i = 1; i <= count; i++) {
        if (version[order[i]] != "") printf "%-14s %s\n", order[i], version[order[i]]
    }
    for (i in why) printf "%-14s skipped: %s\n", i, why[i]
    printf "\n%-40s %-14s %10s %10s  %s\n", "row", "peer", "ours", "peer's", "ours/peer's"
}
function print_row(name, peer, ours, theirs,    note) {
    if (json != "") {
        printf "{\"name\": %s, \"peer\": %s, \"version\": %s, \"unit\": \"%s\", \"ours\": %s, " \
            "\"median\": %s, \"ratio\": %s}\n", quoted(name), quoted(peer), quoted(version[peer]),
            unit[name], ours == "" ? "null" : ours, theirs, ours == "" ? "null" : ours / theirs
        return
    }
    note = (peer, name) in other_order ? "  (another order of concurrent insertions)" : ""
    printf "%-40s %-14s %10s %10s  %s %s%s\n", name, peer, ours == "" ? "-" : show(ours),
        show(theirs), ours == "" ? "-" : sprintf("%.3f", ours / theirs), unit[name], note
}
function print_goal(i,    ours, theirs, ratio, verdict, row, peer) {
    row = goal_row[i]
    if (only != "" && !index(row, only)) return
    peer = goal_peer[i]
    ours = median("concur" SUBSEP row)
    theirs = peer == "-" ? 1 : median(peer SUBSEP goal_other[i])
    verdict = "unmeasured"
    if (ours != "" && theirs != "") {
        ratio = ours / theirs
        verdict = ratio <= goal_limit[i] ? "met" : "MISSED"
    }
    if (json != "") {
        printf "{\"goal\": %s, \"peer\": %s, \"at_most\": %s, \"ratio\": %s, \"verdict\": \"%s\"}\n",
            quoted(row), quoted(peer), goal_limit[i], ratio == "" ? "null" : ratio, verdict
        return
    }
    printf "%-40s <= %-5s %-14s %-8s %s\n", row, goal_limit[i], peer == "-" ? "" : "x " peer,
        ratio == "" ? "-" : sprintf("%.3f", ratio), verdict
    tally[verdict]++
}
END {
    if (json == "") print_versions()
    for (r = 1; r <= rows; r++) {
        ours = median("concur" SUBSEP names[r])
        peers_here = 0
        for (i = 1; i <= count; i++) {
            theirs = median(order[i] SUBSEP names[r])
            if (order[i] == "concur" || theirs == "") continue
            print_row(names[r], order[i], ours, theirs)
            peers_here++
        }
        if (peers_here == 0 && json == "") {
            printf "%-40s %-14s %10s %10s  - %s\n", names[r], "-", show(ours), "-", unit[names[r]]
        }
    }
    if (json == "") {
        for (key in gave_up) {
            split(key, part, SUBSEP)
            printf "%-40s %-14s gave up: %s\n", part[2], part[1], gave_up[key]
        }
        print "\nGoals"
    }
    for (i = 1; i <= goals; i++) print_goal(i)
    if (json == "") {
        printf "%d met, %d missed, %d unmeasured\n", tally["met"], tally["MISSED"], tally["unmeasured"]
    }
}
