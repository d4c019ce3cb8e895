package import DaemonConfiguration
package import ServiceModel

extension PassScheduler {
    /// Each of `families` is looked at once in `fullResyncInterval`, and so is its socket level, if there is one.
    package init(_ configuration: DaemonConfiguration, families: Int, start: Instant) {
        let settings = configuration.reconcile
        let levels = configuration.socketLB.scope == .off ? 1 : 2
        self.init(
            minInterval: settings.minInterval,
            retryInterval: settings.retryInterval,
            maxRetryInterval: settings.maxRetryInterval,
            fullInterval: settings.fullResyncInterval,
            families: families * levels,
            start: start
        )
    }
}

extension StartGate {
    /// What an API server is needed for.
    package init(_ configuration: DaemonConfiguration) {
        var needs: Facts = []
        if configuration.sources.kubernetes != nil {
            needs.insert(.addresses)
            if configuration.serviceCIDRs.isEmpty { needs.insert(.serviceRanges) }
        }
        if configuration.takesPodRangesFromNode { needs.insert(.podRanges) }
        self.init(needs: needs)
    }
}

extension DaemonConfiguration.Sources {
    /// Those that are configured.
    package var origins: Set<ServiceOrigin> {
        var origins: Set<ServiceOrigin> = []
        if !filePath.isEmpty { origins.insert(.files) }
        if kubernetes != nil { origins.insert(.cluster) }
        return origins
    }
}
