import AnnotatedYAML
import ServiceModel

extension DaemonConfiguration.IPVS {
    mutating func decode(_ fields: Fields) throws(FieldError) {
        scheduler = try fields.choice("scheduler", of: Scheduler.self) ?? scheduler
        binding = try fields.choice("binding", of: Binding.self) ?? binding
        excludedRanges = try fields.ranges("excludeCIDRs")
        strictARP = try fields.boolean("strictARP") ?? strictARP
        let upToDays = Duration.zero ... .seconds(30 * 86400)
        drainTimeout = try fields.duration("drainTimeout", in: upToDays) ?? drainTimeout
        timeouts.tcp = try fields.duration("tcpTimeout", in: upToDays) ?? timeouts.tcp
        timeouts.tcpFin = try fields.duration("tcpFinTimeout", in: upToDays) ?? timeouts.tcpFin
        timeouts.udp = try fields.duration("udpTimeout", in: upToDays) ?? timeouts.udp
    }
}
