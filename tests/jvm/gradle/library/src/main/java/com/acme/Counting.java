package com.acme;

import org.apache.commons.cli.Options;

public final class Counting {
    private Counting() {}

    public static String text() {
        return "counted " + new Options().addOption("x", "an option").getOptions().size() + " option";
    }
}
