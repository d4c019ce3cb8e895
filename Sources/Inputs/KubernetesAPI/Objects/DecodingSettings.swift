/// What decoding depends on besides the bytes.
package struct DecodingSettings: Sendable, Hashable {
    /// The label value (`service.kubernetes.io/service-proxy-name`) of the Services to serve; empty
    /// serves those without the label.
    package var serviceProxyName: String

    package init(serviceProxyName: String = "") {
        self.serviceProxyName = serviceProxyName
    }
}
