import Glibc

/// What libFuzzer calls first. The program's name chooses the target, so that a link with that name is a
/// libFuzzer program of its own; built, linked and run by scripts/fuzz.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> CInt {
    let path = arguments.pointee[0].map { String(cString: $0) } ?? ""
    let name = String(path.split(separator: "/").last ?? "")
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
        print(FuzzTarget.all.map(\.name).joined(separator: "\n"))
        exit(name == "targets" ? 0 : 64)
    }
    chosen = target
    return 0
}

/// What libFuzzer calls with whatever it makes up; its own `main` does the rest.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    // The bytes are libFuzzer's and stay until this returns. A copy ends where the input ends, so that a
    // read behind it is noticed.
    chosen?.run(Array(UnsafeBufferPointer(start: data, count: size)))
    return 0
}

/// Set once, before the first input.
nonisolated(unsafe) private var chosen: FuzzTarget?

/// An input of the daemon or of a command, and what is done with it.
///
/// Whatever the bytes are, `run` returns, soon and with bounded memory; what must hold of its results
/// besides is a precondition in it.
struct FuzzTarget: Sendable {
    var name: String
    var run: @Sendable ([UInt8]) -> Void

    init(_ name: String, _ run: @escaping @Sendable ([UInt8]) -> Void) {
        self.name = name
        self.run = run
    }

    /// One whose inputs are texts. What is no UTF-8 is made so, as by all readers of files.
    init(text name: String, _ run: @escaping @Sendable (String) -> Void) {
        self.init(name) { run(String(decoding: $0, as: UTF8.self)) }
    }

    static var all: [FuzzTarget] {
        clusterTargets + textTargets + netlinkTargets + tableTargets + httpTargets + proxyTargets
    }
}

/// Fails unless a message can be shown to a person: one line, without control characters.
func requirePrintable(_ text: String) {
    precondition(
        text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: false
            default: true
            }
        },
        "not printable: \(text.debugDescription)"
    )
}
