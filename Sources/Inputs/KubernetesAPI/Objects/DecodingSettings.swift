/// What decoding has to know beside the bytes.
package struct DecodingSettings: Sendable, Hashable {
    /// Which Services are ours (label `service.kubernetes.io/service-proxy-name`); empty for those
    /// without the label.
    package var serviceProxyName: String

    package init(serviceProxyName: String = "") {
        self.serviceProxyName = serviceProxyName
    }
}
