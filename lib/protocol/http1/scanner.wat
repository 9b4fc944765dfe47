;; Scans a plain head, sixteen bytes at a time: why there is a second reader of heads, and why it is no danger, says
;; lib/protocol/http1/scanner.ts, which reads what is written down here.
;;
;; Whatever is not exactly as it is meant here makes `scan` return 0, and llhttp judges. Bytes behind `end` are looked
;; at, because sixteen are loaded at once, and never believed: no head is found that ends behind `end`.
(module
  (import "llhttp" "memory" (memory 1))
  ;; Where to write. At 0 stands where the target begins, counted from `at`, at 4 its length, at 8 how many numbers the
  ;; records have that follow from 20 on, at 12 which of these is the first of Host's, at 16 which fields there may be
  ;; that head.ts looks at: 4 for Content-Type, 8 for Connection. A record is four numbers: where the name begins,
  ;; counted from the target, its length, and the same of the value.
  (import "place" "words" (global $words i32))

  ;; The first byte from `at` on that is not of a plain target: a control, a space, one above ASCII, one that policy.ts
  ;; does not let through (`" # < > \`), or `!`, which lies beside them.
  (func $targetEnd (param $at i32) (param $end i32) (result i32)
    (local $bytes v128)
    (local $stops i32)
    (loop $block
      (local.set $bytes (v128.load (local.get $at)))
      (local.set $stops (i8x16.bitmask
        (v128.or
          (v128.or
            (i8x16.lt_s (local.get $bytes) (i8x16.splat (i32.const 0x24))) ;; up to `#`, and from 0x80 on
            (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 0x7f))))
          (v128.or
            (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 0x5c)))
            (i8x16.eq ;; `<` and `>`
              (v128.and (local.get $bytes) (i8x16.splat (i32.const 0xfd)))
              (i8x16.splat (i32.const 0x3c)))))))
      (if (local.get $stops) (then (return (i32.add (local.get $at) (i32.ctz (local.get $stops))))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $block (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $at))

  ;; The first byte from `at` on that is none of a token (RFC 9110 section 5.6.2). In the first table the place stands
  ;; for the lower half of a byte, and the bit for its upper half.
  (func $tokenEnd (param $at i32) (param $end i32) (result i32)
    (local $bytes v128)
    (local $stops i32)
    (loop $block
      (local.set $bytes (v128.load (local.get $at)))
      (local.set $stops (i8x16.bitmask (i8x16.eq
        (v128.and
          (i8x16.swizzle
            (v128.const i8x16 232 252 248 252 252 252 252 252 248 248 244 84 208 84 244 112)
            (v128.and (local.get $bytes) (i8x16.splat (i32.const 0x0f))))
          (i8x16.swizzle
            (v128.const i8x16 1 2 4 8 16 32 64 128 0 0 0 0 0 0 0 0)
            (i8x16.shr_u (local.get $bytes) (i32.const 4))))
        (i8x16.splat (i32.const 0)))))
      (if (local.get $stops) (then (return (i32.add (local.get $at) (i32.ctz (local.get $stops))))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $block (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $at))

  ;; The first byte from `at` on that is none of a value (RFC 9110 section 5.5): a control other than the tab, or DEL.
  (func $valueEnd (param $at i32) (param $end i32) (result i32)
    (local $bytes v128)
    (local $stops i32)
    (loop $block
      (local.set $bytes (v128.load (local.get $at)))
      (local.set $stops (i8x16.bitmask (v128.andnot
        (v128.or
          (i8x16.lt_u (local.get $bytes) (i8x16.splat (i32.const 0x20)))
          (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 0x7f))))
        (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 0x09))))))
      (if (local.get $stops) (then (return (i32.add (local.get $at) (i32.ctz (local.get $stops))))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $block (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $at))

  ;; Scans what lies between `at` and `end`. Returns the place behind the head; 0 where it is not whole, or not plain.
  (func (export "scan") (param $at i32) (param $end i32) (param $fieldCount i32) (param $fieldBytes i32) (result i32)
    (local $target i32)
    (local $name i32)
    (local $size i32)
    (local $begin i32)
    (local $byte i32)
    (local $value i32)
    (local $behind i32)
    (local $host i32)
    (local $special i32)
    (local $records i32)
    (local $record i32)
    (local $last i32)
    (local.set $host (i32.const -1))
    (local.set $records (i32.add (global.get $words) (i32.const 20)))
    (local.set $record (local.get $records))
    (local.set $last (i32.add (local.get $record) (i32.shl (local.get $fieldCount) (i32.const 4))))

    ;; "GET " or "HEAD ", then a path
    (local.set $target (i32.add (local.get $at) (i32.const 4)))
    (if (i32.ne (i32.load (local.get $at)) (i32.const 0x20544547))
      (then
        (if (i32.ne (i32.load (local.get $at)) (i32.const 0x44414548)) (then (return (i32.const 0))))
        (if (i32.ne (i32.load8_u (local.get $target)) (i32.const 0x20)) (then (return (i32.const 0))))
        (local.set $target (i32.add (local.get $at) (i32.const 5)))))
    (if (i32.ne (i32.load8_u (local.get $target)) (i32.const 0x2f)) (then (return (i32.const 0))))
    (i32.store (global.get $words) (i32.sub (local.get $target) (local.get $at)))
    (local.set $at (call $targetEnd (local.get $target) (local.get $end)))
    (i32.store offset=4 (global.get $words) (i32.sub (local.get $at) (local.get $target)))
    ;; " HTTP/1." and "1\r\n"
    (if (i64.ne (i64.load (local.get $at)) (i64.const 0x2e312f5054544820)) (then (return (i32.const 0))))
    (if (i32.ne (i32.load16_u offset=8 (local.get $at)) (i32.const 0x0d31)) (then (return (i32.const 0))))
    (if (i32.ne (i32.load8_u offset=10 (local.get $at)) (i32.const 0x0a)) (then (return (i32.const 0))))
    (local.set $at (i32.add (local.get $at) (i32.const 11)))

    (loop $field
      (local.set $name (local.get $at))
      (local.set $at (call $tokenEnd (local.get $at) (local.get $end)))
      (local.set $size (i32.sub (local.get $at) (local.get $name)))
      (if (local.get $size)
        (then
          (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x3a)) (then (return (i32.const 0))))
          ;; The name's first four letters, in lower case. What frames a message, or asks for more than an answer, is
          ;; llhttp's: Content-Length, "tran…", "expe…", and Upgrade, but not Upgrade-Insecure-Requests.
          (local.set $begin (i32.or (i32.load (local.get $name)) (i32.const 0x20202020)))
          (if (i32.eq (local.get $begin) (i32.const 0x746e6f63)) ;; "cont…"
            (then
              (if (i32.eq (local.get $size) (i32.const 14)) (then (return (i32.const 0))))
              (local.set $special (i32.or (local.get $special) (i32.const 4)))))
          (if (i32.eq (local.get $begin) (i32.const 0x6e617274)) (then (return (i32.const 0))))
          (if (i32.eq (local.get $begin) (i32.const 0x65707865)) (then (return (i32.const 0))))
          (if (i32.and (i32.eq (local.get $size) (i32.const 7)) (i32.eq (local.get $begin) (i32.const 0x72677075)))
            (then (return (i32.const 0))))
          (if (i32.eq (local.get $begin) (i32.const 0x6e6e6f63)) ;; "conn…"
            (then (local.set $special (i32.or (local.get $special) (i32.const 8)))))
          ;; Host
          (if (i32.and (i32.eq (local.get $size) (i32.const 4)) (i32.eq (local.get $begin) (i32.const 0x74736f68)))
            (then
              (if (i32.ne (local.get $host) (i32.const -1)) (then (return (i32.const 0))))
              (local.set $host (i32.shr_u (i32.sub (local.get $record) (local.get $records)) (i32.const 2)))))

          (loop $blank
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (local.set $byte (i32.load8_u (local.get $at)))
            (br_if $blank (i32.and
              (i32.or (i32.eq (local.get $byte) (i32.const 0x20)) (i32.eq (local.get $byte) (i32.const 0x09)))
              (i32.lt_u (local.get $at) (local.get $end)))))
          (local.set $value (local.get $at))
          (local.set $at (call $valueEnd (local.get $at) (local.get $end)))
          (local.set $behind (local.get $at))
          ;; An empty value is llhttp's.
          (if (i32.eq (local.get $at) (local.get $value)) (then (return (i32.const 0))))
          (if (i32.ne (i32.load16_u (local.get $at)) (i32.const 0x0a0d)) (then (return (i32.const 0))))
          (if (i32.ge_u (local.get $record) (local.get $last)) (then (return (i32.const 0))))
          (if (i32.gt_u
                (i32.add (local.get $size) (i32.sub (local.get $behind) (local.get $value)))
                (local.get $fieldBytes))
            (then (return (i32.const 0))))
          ;; RFC 9112 section 5.1: white space behind a value is no part of it. A value holds nothing else up to 0x20,
          ;; and does not begin with it.
          (loop $blank
            (local.set $behind (i32.sub (local.get $behind) (i32.const 1)))
            (br_if $blank (i32.le_u (i32.load8_u (local.get $behind)) (i32.const 0x20))))
          (local.set $behind (i32.add (local.get $behind) (i32.const 1)))
          (i32.store (local.get $record) (i32.sub (local.get $name) (local.get $target)))
          (i32.store offset=4 (local.get $record) (local.get $size))
          (i32.store offset=8 (local.get $record) (i32.sub (local.get $value) (local.get $target)))
          (i32.store offset=12 (local.get $record) (i32.sub (local.get $behind) (local.get $value)))
          (local.set $record (i32.add (local.get $record) (i32.const 16)))
          (local.set $at (i32.add (local.get $at) (i32.const 2)))
          (br_if $field (i32.lt_u (local.get $at) (local.get $end)))
          (return (i32.const 0)))))

    ;; The empty line; a Host there must have been.
    (if (i32.ne (i32.load16_u (local.get $at)) (i32.const 0x0a0d)) (then (return (i32.const 0))))
    (local.set $at (i32.add (local.get $at) (i32.const 2)))
    (if (i32.gt_u (local.get $at) (local.get $end)) (then (return (i32.const 0))))
    (if (i32.eq (local.get $host) (i32.const -1)) (then (return (i32.const 0))))
    (i32.store offset=8
      (global.get $words)
      (i32.shr_u (i32.sub (local.get $record) (local.get $records)) (i32.const 2)))
    (i32.store offset=12 (global.get $words) (local.get $host))
    (i32.store offset=16 (global.get $words) (local.get $special))
    (local.get $at)))
