/// An error of the API server (`v1 Status`).
package struct APIStatus: Error, Sendable, Hashable, CustomStringConvertible {
    /// The HTTP status code; 0 if the response has none.
    package var code: Int
    /// One word, such as `Expired`; empty if unknown.
    package var reason: String
    package var message: String
    /// How long to wait before retrying.
    package var retryAfterSeconds: Int?
    /// The reasons in `details.causes`.
    package var causes: [String]

    package init(
        code: Int,
        reason: String = "",
        message: String = "",
        retryAfterSeconds: Int? = nil,
        causes: [String] = []
    ) {
        self.code = code
        self.reason = reason
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
        self.causes = causes
    }

    /// The resource version is too old: list again.
    package var isExpired: Bool { code == 410 || reason == "Expired" || reason == "Gone" }

    /// This server has not reached the resource version yet: list again from its newest one.
    package var isResourceVersionTooLarge: Bool { causes.contains("ResourceVersionTooLarge") }

    package var description: String {
        let head = [code == 0 ? nil : "\(code)", reason.isEmpty ? nil : reason]
            .compactMap { $0 }.joined(separator: " ")
        return [head, message].filter { !$0.isEmpty }.joined(separator: ": ")
    }
}
