import KubernetesAPI
import Testing

@Suite("APITime")
struct APITimeTests {
    @Test(
        "RFC 3339 text is a moment",
        arguments: [
            ("1970-01-01T00:00:00Z", 0, 0), ("2000-02-29T12:00:00Z", 951_825_600, 0),
            ("2026-01-02T03:04:05.678901234Z", 1_767_323_045, 678_901_234),
            ("2026-01-02T04:04:05.5+01:00", 1_767_323_045, 500_000_000),
            ("2026-01-01T23:04:05-04:00", 1_767_323_045, 0),
        ] as [(String, Int64, Int32)]
    )
    func moments(_ text: String, _ seconds: Int64, _ nanoseconds: Int32) {
        #expect(APITime(rfc3339: text) == APITime(seconds: seconds, nanoseconds: nanoseconds))
    }

    @Test(
        "Anything else is none",
        arguments: [
            "", "now", "2026-01-02", "2026-13-02T03:04:05Z", "2026-01-02T24:04:05Z",
            "2026-01-02T03:04:05", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05.0123456789Z",
            "2026-01-02T03:04:05Z ", "２026-01-02T03:04:05Z", "2026-01-02T03:04:05*01:00",
        ]
    )
    func nonsense(_ text: String) {
        #expect(APITime(rfc3339: text) == nil)
    }
}
