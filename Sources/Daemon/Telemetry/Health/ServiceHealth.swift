package import HTTPServing
package import ServiceModel

/// The response of a Service's health check node port: whether this node has local endpoints
/// (kube-proxy's `service_health.go`).
package struct ServiceHealth: Sendable, Hashable {
    package var name: ServiceName
    /// Distinct addresses of ready endpoints on this node.
    package var localEndpoints: Int

    package init(name: ServiceName, localEndpoints: Int) {
        self.name = name
        self.localEndpoints = localEndpoints
    }

    /// The same for every path and method. `isProxyHealthy` is the result of `/livez`.
    package func page(isProxyHealthy: Bool) -> HTTPResponse {
        var response = HTTPResponse.json(
            """
            {
            \t"service": {
            \t\t"namespace": \(JSONText.string(name.namespace)),
            \t\t"name": \(JSONText.string(name.name))
            \t},
            \t"localEndpoints": \(localEndpoints),
            \t"serviceProxyHealthy": \(isProxyHealthy)
            }
            """,
            status: localEndpoints > 0 && isProxyHealthy ? 200 : 503
        )
        response.headers.append(("X-Load-Balancing-Endpoint-Weight", "\(localEndpoints)"))
        return response
    }
}
