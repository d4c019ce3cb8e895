import DaemonConfiguration
import LinuxKernel

extension ConntrackSettings {
    init(_ configuration: DaemonConfiguration.Conntrack) {
        self.init(
            maximumPerCore: configuration.maxPerCore,
            minimum: configuration.min,
            tcpEstablishedTimeout: configuration.tcpEstablishedTimeout,
            tcpCloseWaitTimeout: configuration.tcpCloseWaitTimeout,
            tcpIsLiberal: configuration.tcpBeLiberal,
            udpTimeout: configuration.udpTimeout,
            udpStreamTimeout: configuration.udpStreamTimeout
        )
    }
}
