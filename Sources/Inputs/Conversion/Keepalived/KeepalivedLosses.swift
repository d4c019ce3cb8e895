/// Settings of virtual and real servers that have no equivalent, and what follows from that.
enum KeepalivedLosses {
    private static let consequences = [
        "alpha": "an endpoint is used until its probes have failed",
        "omega": "no script runs at the end",
        "quorum": "one healthy endpoint is enough for connections",
        "hysteresis": "one healthy endpoint is enough for connections",
        "quorum_up": "no script runs; the log and metrics tell of endpoints",
        "quorum_down": "no script runs; the log and metrics tell of endpoints",
        "notify_up": "no script runs; the log and metrics tell of endpoints",
        "notify_down": "no script runs; the log and metrics tell of endpoints",
        "smtp_alert": "no mail is sent; the log and metrics tell of endpoints",
        "ha_suspend": "endpoints are probed also while the address is elsewhere",
        "sorry_server": "without a healthy endpoint connections are refused",
        "sorry_server_inhibit": "without a healthy endpoint connections are refused",
        "sorry_server_lvs_method": "without a healthy endpoint connections are refused",
        "persistence_engine": "affinity is by the client's address",
        "ops": "packets from one client port stay with one endpoint",
        "warmup": "the first probe comes within a second",
        "snmp_name": "there is no SNMP; metrics have the Service's name",
        "uthreshold": "its connections are not limited",
        "lthreshold": "its connections are not limited",
        "sh-port": "the scheduler works without it",
        "sh-fallback": "the scheduler works without it",
        "mh-fallback": "the scheduler works without it",
        "flag-1": "the scheduler works without it",
        "flag-2": "the scheduler works without it",
        "flag-3": "the scheduler works without it",
        "hashed": "the scheduler works without it",
        "connect_ip": "the endpoint's own address is probed",
        "bindto": "probes come from the address that the node's routes give",
        "bind_if": "probes come from the address that the node's routes give",
        "bind_port": "probes come from any port",
        "fwmark": "probes have no mark",
        "log_all_failures": "the log tells when an endpoint becomes unhealthy",
        "http_protocol": "probes use HTTP/1.1",
        "fast_recovery": "one good probe is enough",
        "digest": "the body is not read",
        "regex": "the body is not read",
        "regex_no_match": "the body is not read",
        "regex_options": "the body is not read",
        "regex_stack": "the body is not read",
        "regex_min_offset": "the body is not read",
        "regex_max_offset": "the body is not read",
    ]

    /// Values with which a setting changes nothing.
    private static let idle = [
        "quorum": "1", "hysteresis": "0", "alpha": "no", "smtp_alert": "no", "warmup": "0",
    ]

    static func name(
        _ line: KeepalivedStatement,
        _ object: String,
        _ converted: inout Converted
    ) {
        guard !KeepalivedDirective.name(line, object, &converted) else { return }
        guard let consequence = consequences[line.keyword] else {
            converted.leaveOut(line.line, object, "\(line.title): is unknown; it is left out")
            return
        }
        if line.words.count == 2, line.words[1] == idle[line.keyword] { return }
        converted.leaveOut(line.line, object, "\(line.title): no equivalent; \(consequence)")
    }
}
