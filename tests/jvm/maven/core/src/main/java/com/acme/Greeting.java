package com.acme;

import org.apache.commons.cli.Options;

public final class Greeting {
    private Greeting() {}

    public static String text() {
        return "hello with " + new Options().addOption("x", "an option").getOptions().size() + " option";
    }
}
