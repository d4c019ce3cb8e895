package import DaemonConfiguration
package import LinuxKernel

extension ConntrackSettings {
    package init(_ configuration: DaemonConfiguration.Conntrack) {
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
